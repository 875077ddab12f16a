from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from contract_objects import ObjectsContract
from oracle_cloud import TENANCY, Answer, Asked, Cloud, answer, refusal, running

from fotogal.objects.interface import ObjectStore, StoreUnavailable
from fotogal.objects.oci import OciStore
from fotogal.settings import BUCKET

BUCKETS = "/n/inquilino/b"


class ObjectStorage:
    """Oracle's Object Storage and Identity, as far as a store asks them."""

    def __init__(self) -> None:
        self.compartments: list[dict[str, str]] = []
        self.bucket: dict[str, object] | None = None
        self.objects: dict[str, tuple[bytes, str, str]] = {}
        self.page = 10

    def respond(self, asked: Asked) -> Answer:
        if asked.path.startswith("/20160918/compartments"):
            return self._compartments(asked)
        if asked.path == "/n":
            return answer("inquilino")
        if asked.path == BUCKETS:
            self.bucket = asked.json
            return answer({"name": asked.json["name"]})
        if self.bucket is None:
            return refusal(404, "BucketNotFound")
        if asked.path == f"{BUCKETS}/{BUCKET}":
            return Answer()
        if asked.path == f"{BUCKETS}/{BUCKET}/o":
            return self._list(asked)
        return self._object(asked, asked.path.removeprefix(f"{BUCKETS}/{BUCKET}/o/"))

    def _compartments(self, asked: Asked) -> Answer:
        if asked.method == "POST":
            made = {"id": "ocid1.compartment.oc1..cccc", "lifecycleState": "ACTIVE", **asked.json}
            self.compartments.append(made)  # type: ignore[arg-type]
            return answer(made)
        assert asked.query["compartmentId"] == TENANCY
        return answer([found for found in self.compartments if found["name"] == asked.query["name"]])

    def _list(self, asked: Asked) -> Answer:
        found = sorted(
            key
            for key in self.objects
            if key.startswith(asked.query.get("prefix", "")) and key >= asked.query.get("start", "")
        )
        page, rest = found[: self.page], found[self.page :]
        listed = [
            {"name": key, "size": len(self.objects[key][0]), "timeModified": self.objects[key][2]} for key in page
        ]
        return answer({"objects": listed, "prefixes": [], **({"nextStartWith": rest[0]} if rest else {})})

    def _object(self, asked: Asked, key: str) -> Answer:
        if asked.method == "PUT":
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            self.objects[key] = (asked.body, asked.headers["content-type"], now)
            return Answer()
        if key not in self.objects:
            return refusal(404, "ObjectNotFound")
        if asked.method == "DELETE":
            del self.objects[key]
            return Answer(204)
        data, content_type, _ = self.objects[key]
        return Answer(200, data, {"Content-Type": content_type})


@pytest.fixture
def storage() -> ObjectStorage:
    return ObjectStorage()


@pytest.fixture
def cloud(storage: ObjectStorage) -> Iterator[Cloud]:
    with running(storage.respond) as started:
        yield started


class TestOci(ObjectsContract):
    many = 25

    @pytest.fixture
    def store(self, cloud: Cloud) -> Iterator[ObjectStore]:
        made = OciStore(cloud.account(), BUCKET)
        assert made.provision() == ["created compartment cmp-fotogal", f"created bucket {BUCKET}"]
        yield made
        made.close()

    def test_the_bucket_is_private_and_standard_and_keeps_no_versions(
        self, store: ObjectStore, storage: ObjectStorage
    ) -> None:
        assert store.provision() == []
        assert storage.bucket == {
            "name": BUCKET,
            "compartmentId": "ocid1.compartment.oc1..cccc",
            "publicAccessType": "NoPublicAccess",
            "storageTier": "Standard",
            "versioning": "Disabled",
        }

    def test_a_compartment_that_is_there_is_used(self, cloud: Cloud, storage: ObjectStorage) -> None:
        storage.compartments.append({"id": "ocid1.other", "name": "cmp-fotogal", "lifecycleState": "ACTIVE"})
        store = OciStore(cloud.account(), BUCKET)
        assert store.provision() == [f"created bucket {BUCKET}"]
        assert storage.bucket is not None
        assert storage.bucket["compartmentId"] == "ocid1.other"
        store.close()

    def test_what_is_sent_is_signed_with_its_content(self, store: ObjectStore, cloud: Cloud) -> None:
        store.put("1/full.png", b"\x89PNG", "image/png")
        put = cloud.requests[-1]
        assert (put.method, put.path) == ("PUT", f"{BUCKETS}/{BUCKET}/o/1/full.png")
        assert put.headers["content-type"] == "image/png"
        assert put.headers["authorization"].startswith('Signature algorithm="rsa-sha256"')
        assert hashlib.sha256(put.body).digest() == hashlib.sha256(b"\x89PNG").digest()

    def test_a_listing_goes_on_where_the_page_ended(
        self, store: ObjectStore, cloud: Cloud, storage: ObjectStorage
    ) -> None:
        storage.page = 2
        for number in range(5):
            store.put(f"1/{number}.png", b"x", "image/png")
        cloud.requests.clear()
        assert [item.key for item in store.listing("1/")] == [f"1/{number}.png" for number in range(5)]
        assert [asked.query["start"] for asked in cloud.requests] == ["", "1/2.png", "1/4.png"]

    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_what_passes_is_tried_again(self, store: ObjectStore, cloud: Cloud, status: int) -> None:
        store.put("1/full.png", b"x", "image/png")
        cloud.failing.append(refusal(status, "TooManyRequests" if status == 429 else "InternalServerError"))
        assert store.get("1/full.png") == b"x"

    def test_what_does_not_pass_is_said(self, store: ObjectStore, cloud: Cloud) -> None:
        cloud.failing.extend([refusal(503, "ServiceUnavailable")] * 3)
        with pytest.raises(StoreUnavailable, match="ServiceUnavailable"):
            store.get("1/full.png")
        cloud.failing.append(refusal(404, "BucketNotFound"))
        with pytest.raises(StoreUnavailable, match="BucketNotFound"):
            store.get("1/full.png")
        cloud.failing.append(refusal(401, "NotAuthenticated"))
        with pytest.raises(StoreUnavailable, match="401"):
            store.ready()
        store.ready()

    def test_an_answer_that_is_cut_off_is_no_object(self, store: ObjectStore, cloud: Cloud) -> None:
        store.put("1/full.png", b"whole", "image/png")
        cloud.failing.append(Answer(200, b"whol", {"Content-Type": "image/png"}, cut_off=True))
        with pytest.raises(StoreUnavailable):
            store.get("1/full.png")
        assert store.get("1/full.png") == b"whole"


def test_a_bucket_that_is_missing(cloud: Cloud) -> None:
    store = OciStore(cloud.account(), BUCKET)
    with pytest.raises(StoreUnavailable, match="fotogal provision"):
        store.ready()
    store.close()


def test_nobody_is_there() -> None:
    with running(ObjectStorage().respond) as cloud:
        account = cloud.account()
    store = OciStore(account, BUCKET)
    with pytest.raises(StoreUnavailable):
        store.ready()
    store.close()
