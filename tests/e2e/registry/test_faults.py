"""Registries that stumble, break off, lie, dawdle and lead elsewhere."""

from __future__ import annotations

import base64
import json
import os
import random
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.registry.debian import make_certificate
from tests.e2e.registry.images import sha
from tests.fakes.registry import Call, FakeRegistry, Fault, endless, hang_up, reset, trickle

from cais.database import Database
from cais.digest import Digest
from cais.errors import CaisError, InvalidImage, PullError
from cais.events import NullSink
from cais.images.compress import Compression, recipe
from cais.images.model import DOCKER_MANIFEST, ImageConfig, StoredImage
from cais.images.reference import parse_reference
from cais.images.store import ImageStore
from cais.locations import Locations
from cais.registry.errors import NotInRegistry, PushError
from cais.registry.pull import pull
from cais.registry.push import push
from cais.registry.retry import RetryPolicy
from cais.registry.settings import HostSettings, RegistrySettings

pytestmark = pytest.mark.root
QUICK = RetryPolicy(first_s=0.01, most_s=0.02, progress_bytes=1 << 16)
BIG = "".join(random.Random(1).choices("0123456789abcdef", k=4_000_000))


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    fake = FakeRegistry()
    yield fake
    fake.close()


class Client:
    """Pulls and pushes in this process, into a store of the test's own."""

    def __init__(self, place: Locations, host: str) -> None:
        self.host = host
        self.place = place
        self.database = Database(place.database)
        self.store = ImageStore(place, self.database)

    def settings(self, **fields: Any) -> RegistrySettings:
        return RegistrySettings(**{"retry": QUICK, **fields})

    def pull(self, name: str = "app/web:1", **fields: Any) -> StoredImage:
        reference = parse_reference(f"{self.host}/{name}")
        return pull(reference, self.store, events=NullSink(), settings=self.settings(**fields)).image

    def push(self, name: str = "app/web:1", **fields: Any) -> str:
        reference = parse_reference(f"{self.host}/{name}")
        return push(reference, self.store, events=NullSink(), settings=self.settings(**fields))

    def make(self, name: str = "app/web:1", size_bytes: int = 3_000_000) -> StoredImage:
        with self.store.snapshots.prepare("") as layer:
            (Path(layer.merged) / "content").write_bytes(random.Random(name).randbytes(size_bytes))
            top = layer.commit(epoch_s=0)
        config = ImageConfig(architecture="amd64", os="linux")
        return self.store.create(config, top, references=[f"{self.host}/{name}"])

    def partial(self) -> list[str]:
        """Names of what was received in part: beside a blob that failed, others that were on their way when it did."""
        folder = os.path.join(self.place.store, "incoming")
        return os.listdir(folder) if os.path.isdir(folder) else []


@pytest.fixture
def client(tmp_path: Path, registry: FakeRegistry) -> Iterator[Client]:
    made = Client(Locations(root=str(tmp_path / "cais"), run=str(tmp_path / "run")), registry.host)
    yield made
    made.store.close()
    made.database.close()


def big_layer(registry: FakeRegistry) -> tuple[str, int]:
    """Path and size of the larger blob of the image."""
    path, (_, data) = max(registry.served.items(), key=lambda item: len(item[1][1]))
    return path, len(data)


def part_of(path: str) -> str:
    """Name of the file in which the blob of that path is received."""
    return path.rpartition("/")[2].replace(":", "-")


# --- pulling ---


def test_a_layer_goes_on_where_it_broke_off(client: Client, registry: FakeRegistry) -> None:
    registry.image(tag="1", big=BIG)
    path, size = big_layer(registry)
    registry.cut_answer(path, after=size // 3, times=2)
    image = client.pull()
    assert client.store.validate(image.id) == ()
    ranges = [asked.headers.get("Range") for asked in registry.asked if asked.path.endswith(path)]
    assert ranges[0] is None
    assert all(text is not None and int(text[6:-1]) > 0 for text in ranges[1:])
    assert len(ranges) == 3
    assert client.partial() == []


def test_a_registry_without_ranges_is_asked_anew(client: Client, registry: FakeRegistry) -> None:
    registry.image(tag="1", big=BIG)
    registry.knows_ranges = False
    path, size = big_layer(registry)
    registry.cut_answer(path, after=size // 2)
    assert client.store.validate(client.pull().id) == ()


def test_what_a_failed_pull_left_is_used_by_the_next(client: Client, registry: FakeRegistry) -> None:
    registry.image(tag="1", big=BIG)
    path, size = big_layer(registry)
    registry.cut_answer(path, after=size // 2)
    registry.fail("GET", path, 404, times=100)
    with pytest.raises(NotInRegistry):
        client.pull()
    assert part_of(path) in client.partial()
    registry.faults.clear()
    registry.asked.clear()
    assert client.store.validate(client.pull().id) == ()
    begun = [asked.headers.get("Range", "") for asked in registry.asked if asked.path.endswith(path)]
    assert begun == [f"bytes={size // 2}-"]


def test_a_spoilt_rest_is_thrown_away_and_got_again(client: Client, registry: FakeRegistry) -> None:
    registry.image(tag="1", big=BIG)
    path, size = big_layer(registry)
    registry.cut_answer(path, after=size // 2)
    registry.fail("GET", path, 404, times=100)
    with pytest.raises(PullError):
        client.pull()
    registry.faults.clear()
    rest = Path(client.place.store) / "incoming" / part_of(path)
    assert rest.stat().st_size >= size // 2
    rest.write_bytes(b"rubbish" * 1000)
    assert client.store.validate(client.pull().id) == ()


def test_prune_takes_what_failed_pulls_left(client: Client, registry: FakeRegistry) -> None:
    registry.image(tag="1", big=BIG)
    path, size = big_layer(registry)
    registry.cut_answer(path, after=size // 2)
    registry.fail("GET", path, 404, times=100)
    with pytest.raises(PullError):
        client.pull()
    client.store.close()
    assert client.store.prune().freed_bytes >= size // 2
    assert client.partial() == []


def test_one_that_always_breaks_off_is_given_up(client: Client, registry: FakeRegistry) -> None:
    registry.image(tag="1", big=BIG)
    path, _ = big_layer(registry)
    registry.cut_answer(path, after=100, times=1000)
    with pytest.raises(PullError, match="broke off"):
        client.pull()
    assert registry.count("GET", path) == QUICK.attempts
    assert client.store.images() == ()


def test_a_connection_that_is_reset_is_tried_again(client: Client, registry: FakeRegistry) -> None:
    registry.image(tag="1", big=BIG)
    path, _ = big_layer(registry)
    registry.faults.append(Fault("GET", path, reset, times=2))
    client.pull()
    assert registry.count("GET", path) == 3


def test_a_body_that_dawdles_is_given_up(client: Client, registry: FakeRegistry) -> None:
    registry.image(tag="1", big=BIG)
    path, size = big_layer(registry)
    registry.faults.append(Fault("GET", path, lambda call: trickle(call, size, 0.05), times=100))
    with pytest.raises(PullError, match="bytes in"):
        client.pull(read_timeout_s=0.2, retry=RetryPolicy(attempts=2, first_s=0.01))


def test_silence_is_given_up(client: Client, registry: FakeRegistry) -> None:
    registry.image(tag="1")
    registry.faults.append(Fault("GET", "/manifests/", lambda call: trickle(call, 1000, 1.0), times=100))
    with pytest.raises(PullError, match=r"broke off|does not answer"):
        client.pull(read_timeout_s=0.2, retry=RetryPolicy(attempts=2, first_s=0.01))


def test_an_endless_manifest_is_refused(client: Client, registry: FakeRegistry) -> None:
    registry.image(tag="1")
    registry.faults.append(Fault("GET", "/manifests/", endless))
    with pytest.raises(PullError, match="too large"):
        client.pull()


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"[]",
        b"[" * 100_000,
        b'{"schemaVersion": 1}',
        b'{"config": {}, "layers": 5}',
        json.dumps({"config": {"mediaType": "x", "digest": "sha256:../../x", "size": 1}, "layers": []}).encode(),
        json.dumps({"config": {"mediaType": "x", "digest": "md5:1", "size": 1}, "layers": []}).encode(),
        json.dumps({"config": {"mediaType": "x", "digest": sha(b""), "size": -1}, "layers": []}).encode(),
    ],
)
def test_a_manifest_that_is_none_is_refused(client: Client, registry: FakeRegistry, manifest: bytes) -> None:
    registry.served["app/web/manifests/1"] = (DOCKER_MANIFEST, manifest)
    with pytest.raises((InvalidImage, NotInRegistry)):
        client.pull()
    assert client.store.images() == ()


def test_more_layers_than_there_may_be_are_refused(client: Client, registry: FakeRegistry) -> None:
    entry = registry.blob(b"x")
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [sha(b"x")] * 501}}
    manifest = {
        "schemaVersion": 2,
        "config": {"mediaType": "c", **registry.blob(json.dumps(config).encode())},
        "layers": [{"mediaType": "l", **entry}] * 501,
    }
    registry.served["app/web/manifests/1"] = (DOCKER_MANIFEST, json.dumps(manifest).encode())
    with pytest.raises(InvalidImage, match="501 layers"):
        client.pull()


def test_a_layer_larger_than_the_disk_is_not_begun(client: Client, registry: FakeRegistry) -> None:
    registry.image(tag="1")
    manifest = json.loads(registry.served["app/web/manifests/1"][1])
    manifest["layers"][0]["size"] = 1 << 60
    registry.served["app/web/manifests/1"] = (DOCKER_MANIFEST, json.dumps(manifest).encode())
    with pytest.raises(CaisError, match="no space left"):
        client.pull()
    assert registry.count("GET", str(manifest["layers"][0]["digest"])) == 0


@pytest.mark.parametrize(("after", "waits"), [("0", True), ("3600", False)])
def test_a_busy_registry_says_when_to_come_back(
    client: Client, registry: FakeRegistry, after: str, waits: bool
) -> None:
    registry.image(tag="1")
    registry.fail("GET", "/manifests/", 429, times=2, Retry_After=after)
    if waits:
        client.pull()
        return
    with pytest.raises(PullError, match="allows no more requests") as caught:
        client.pull()
    assert "wait 3600 seconds" in (caught.value.hint or "")
    assert registry.count("GET", "/manifests/") == 1


def test_idle_connections_that_died_are_no_failure(client: Client, registry: FakeRegistry) -> None:
    registry.image(tag="1")

    def close_after(call: Call) -> bool:
        call.close_connection = True  # without a word of it in the answer
        return False

    registry.faults.append(Fault("GET", "/", close_after, times=100))
    client.pull(retry=RetryPolicy(attempts=1))


# --- leading elsewhere ---


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://r.example/x", "//", "http://"])
def test_a_redirect_to_no_registry_is_refused(client: Client, registry: FakeRegistry, to: str) -> None:
    registry.image(tag="1")
    registry.fail("GET", "/manifests/", 307, times=10, Location=to)
    with pytest.raises(PullError):
        client.pull()


def test_a_redirect_in_circles_ends(client: Client, registry: FakeRegistry) -> None:
    registry.image(tag="1")
    registry.fail("GET", "/manifests/", 307, times=100, Location="/v2/app/web/manifests/1")
    with pytest.raises(PullError, match="redirects without end"):
        client.pull()


def test_no_secret_follows_a_redirect(client: Client, registry: FakeRegistry, tmp_path: Path) -> None:
    registry.image(tag="1")
    other = FakeRegistry()
    other.served = registry.served
    registry.login, registry.redirect_blobs_to = "basic", f"http://{other.host}"
    config = log_in(tmp_path, registry.host)
    try:
        client.pull(docker_config=config)
    finally:
        other.close()
    assert set(other.authorizations) == {""}
    assert "secret" not in json.dumps([dict(asked.headers) for asked in other.asked])


def test_tls_is_not_left(tmp_path: Path, registry: FakeRegistry) -> None:
    certificate, key = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    secure = FakeRegistry(context=context)
    secure.image(tag="1")
    registry.served = secure.served
    secure.redirect_blobs_to = f"http://{registry.host}"
    place = Locations(root=str(tmp_path / "cais"), run=str(tmp_path / "run"))
    client = Client(place, f"localhost:{secure.port}")
    hosts = {client.host: HostSettings(ca=str(tmp_path / "ca.pem"))}
    try:
        with pytest.raises(PullError, match="not encrypted"):
            client.pull(hosts=hosts)
        assert registry.asked == []
        with pytest.raises(PullError, match="not trusted"):
            client.pull(hosts={client.host: HostSettings(ca=str(certificate.parent / "ca2.pem"))} | other_ca(tmp_path))
    finally:
        secure.close()
        client.store.close()
        client.database.close()


def other_ca(folder: Path) -> dict[str, HostSettings]:
    """Makes `ca2.pem`, which has vouched for nobody."""
    again = folder / "again"
    again.mkdir()
    make_certificate(again)
    (folder / "ca2.pem").write_bytes((again / "ca.pem").read_bytes())
    return {}


def log_in(folder: Path, host: str) -> str:
    config = folder / "config.json"
    config.write_text(json.dumps({"auths": {host: {"auth": base64.b64encode(b"me:secret").decode()}}}))
    return str(config)


# --- tokens ---


def test_a_token_is_asked_for_what_is_done(client: Client, registry: FakeRegistry, tmp_path: Path) -> None:
    registry.login = "bearer"
    config = log_in(tmp_path, registry.host)
    client.make()
    client.push(docker_config=config)
    assert registry.scopes == [["repository:app/web:pull,push"]]
    client.store.remove(client.store.images()[0].id)
    client.pull(docker_config=config)
    assert registry.scopes[1:] == [["repository:app/web:pull"]]


def test_a_token_that_runs_out_is_renewed(client: Client, registry: FakeRegistry, tmp_path: Path) -> None:
    registry.login, registry.token_uses = "bearer", 2
    image = client.make()
    client.push(docker_config=log_in(tmp_path, registry.host), transfers=1)
    assert len(registry.scopes) > 2
    assert f"app/web/blobs/{image.id}" in registry.served


def test_a_mount_that_needs_a_right_we_lack_is_done_without(
    client: Client, registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.login = "bearer"
    config = log_in(tmp_path, registry.host)
    image = client.make("one/app:1")
    client.push("one/app:1", docker_config=config)
    client.store.tag(image.id, f"{registry.host}/two/app:1")
    registry.fail("GET", "/token", 403)
    client.push("two/app:1", docker_config=config)
    assert registry.scopes[-1] == ["repository:two/app:pull,push"]


def test_a_denied_push_says_how_to_log_in(client: Client, registry: FakeRegistry) -> None:
    registry.login = "basic"
    client.make()
    with pytest.raises(PushError, match="was not pushed") as caught:
        client.push()
    assert caught.value.hint is not None
    assert "cais login" in caught.value.hint


# --- pushing ---


def uploaded(registry: FakeRegistry) -> list[str]:
    return sorted(path.partition("/blobs/")[2] for path in registry.served if "/blobs/" in path)


def test_an_upload_goes_on_where_it_broke_off(client: Client, registry: FakeRegistry) -> None:
    client.make()
    registry.cut_request("PATCH", after=1_000_000, times=2)
    client.push()
    patches = [asked.headers["Content-Range"] for asked in registry.asked if asked.method == "PATCH"]
    assert [text.partition("-")[0] for text in patches] == ["0", "1000000", "2000000"]
    assert len(uploaded(registry)) == 2


def test_an_upload_that_is_reset_is_sent_again(client: Client, registry: FakeRegistry) -> None:
    client.make()
    registry.faults.append(Fault("PATCH", "/uploads/", reset, times=2))
    client.push()
    assert registry.count("PATCH", "/uploads/") == 3
    assert len(uploaded(registry)) == 2


def test_an_upload_goes_on_where_it_was_met_with_silence(client: Client, registry: FakeRegistry) -> None:
    client.make()
    registry.fall_silent("PATCH", after=1_000_000)
    registry.fall_silent("PATCH", after=500_000)
    client.push(read_timeout_s=0.5)
    patches = [asked.headers["Content-Range"] for asked in registry.asked if asked.method == "PATCH"]
    assert [text.partition("-")[0] for text in patches] == ["0", "1000000", "1500000"]
    assert len(uploaded(registry)) == 2


def test_an_upload_that_is_met_with_silence_for_good_ends(client: Client, registry: FakeRegistry) -> None:
    client.make()
    registry.fall_silent("PATCH", after=0, times=100)
    with pytest.raises(PushError, match="broke off: silence"):
        client.push(read_timeout_s=0.2, retry=RetryPolicy(attempts=2, first_s=0.01))
    assert registry.count("PATCH", "/uploads/") == 2


def test_a_layer_that_packs_to_other_bytes_than_before_is_not_sent_but_by_the_next_push(
    client: Client, registry: FakeRegistry
) -> None:
    image = client.make()
    (layer,) = image.config.rootfs.diff_ids
    client.store.records.known.set_packed(str(layer), recipe(Compression.GZIP), Digest("sha256:" + "0" * 64), 1000)
    with pytest.raises(InvalidImage, match="does not pack to the bytes it did before"):
        client.push()
    assert "0" * 64 not in str(uploaded(registry))
    client.push()
    assert len(uploaded(registry)) == 2


def test_an_upload_that_was_forgotten_begins_anew(client: Client, registry: FakeRegistry) -> None:
    client.make()

    def forget(call: Call) -> None:
        registry.uploads.clear()
        call.rfile.read(1000)
        hang_up(call)

    registry.faults.append(Fault("PATCH", "/uploads/", forget))
    client.push()
    assert len(uploaded(registry)) == 2


def test_an_upload_whose_reach_was_told_too_early_begins_anew(client: Client, registry: FakeRegistry) -> None:
    """It still takes in what was on its way when it is asked: what is sent on from there comes twice, and the digest is wrong."""
    image = client.make()
    registry.cut_request("PATCH", after=1_000_000)

    def tell_less(call: Call) -> None:
        headers = {"Location": call.path, "Range": "0-899999"}
        registry.send(call, 204, b"", headers)

    registry.faults.append(Fault("GET", "/uploads/", tell_less))
    client.push()
    assert registry.count("POST", "/uploads/") == 3
    client.store.remove(image.id)
    assert client.store.validate(client.pull().id) == ()


def test_an_upload_that_is_wrong_at_the_first_try_is_refused(client: Client, registry: FakeRegistry) -> None:
    client.make()
    registry.fail("PUT", "/uploads/", 400, times=100)
    with pytest.raises(PushError, match="status 400"):
        client.push(transfers=1)
    assert registry.count("PUT", "/uploads/") == 1


def test_an_upload_in_chunks(client: Client, registry: FakeRegistry) -> None:
    client.make()
    client.push(hosts={registry.host: HostSettings(chunk_bytes=1 << 20)})
    sizes = [int(asked.headers["Content-Length"]) for asked in registry.asked if asked.method == "PATCH"]
    assert len(sizes) == 3
    assert max(sizes) == 1 << 20


def test_a_registry_that_takes_no_chunks_gets_it_whole(client: Client, registry: FakeRegistry) -> None:
    client.make()
    registry.fail("PATCH", "/uploads/", 405, times=10)
    client.push()
    assert len(uploaded(registry)) == 2
    assert registry.count("PATCH", "/uploads/") == 1


def test_the_end_of_an_upload_may_be_lost(client: Client, registry: FakeRegistry) -> None:
    """The registry stores the blob and the connection breaks before it can say so."""
    client.make()

    def store_and_break(call: Call) -> bool:
        call.cut_after = 0  # type: ignore[attr-defined]
        registry._serve(call)
        return True

    registry.faults.append(Fault("PUT", "/uploads/", store_and_break))
    client.push()
    assert len(uploaded(registry)) == 2


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
def test_a_registry_that_stumbles_is_sent_it_again(client: Client, registry: FakeRegistry, method: str) -> None:
    client.make()
    registry.fail(method, "/uploads/", 503, times=2)
    client.push()
    assert len(uploaded(registry)) == 2


def test_a_body_refused_before_it_was_sent_is_told_as_refused(client: Client, registry: FakeRegistry) -> None:
    client.make(size_bytes=20_000_000)

    def refuse(call: Call) -> None:
        registry.send(call, 413, b"")
        hang_up(call)

    registry.faults.append(Fault("PATCH", "/uploads/", refuse, times=100))
    with pytest.raises(PushError, match=r"as large as|broke off"):
        client.push()


def test_an_old_registry_gets_dockers_form(client: Client, registry: FakeRegistry) -> None:
    registry.knows_oci = False
    image = client.make()
    digest = client.push()
    kind, data = registry.served["app/web/manifests/1"]
    assert kind == DOCKER_MANIFEST
    assert sha(data) == digest
    client.store.remove(image.id)
    assert client.pull().id == image.id


def test_a_registry_that_stores_something_else_is_not_believed(client: Client, registry: FakeRegistry) -> None:
    client.make()
    registry.fail("PUT", "/manifests/", 201, Docker_Content_Digest=sha(b"else"))
    with pytest.raises(InvalidImage, match="has stored"):
        client.push()


def test_a_damaged_layer_is_not_pushed(client: Client, registry: FakeRegistry) -> None:
    image = client.make()
    content = Path(image.snapshot_paths[0]) / "content"
    content.write_bytes(content.read_bytes()[:-1] + b"!")
    with pytest.raises(InvalidImage, match="not what was recorded"):
        client.push()
    assert "app/web/manifests/1" not in registry.served


def test_an_upload_elsewhere_is_not_told_who_we_are(client: Client, registry: FakeRegistry, tmp_path: Path) -> None:
    other = FakeRegistry()
    registry.login = "basic"
    client.make(size_bytes=2_000_000)

    def begin_there(call: Call) -> None:
        name = f"there{len(registry.asked)}"
        other.uploads[name] = bytearray()
        registry.send(call, 202, b"", {"Location": f"http://{other.host}/v2/app/web/blobs/uploads/{name}"})

    registry.faults.append(Fault("POST", "/uploads/", begin_there, times=100))
    try:
        client.push(docker_config=log_in(tmp_path, registry.host))
    finally:
        other.close()
    assert len(uploaded(other)) == 2
    assert set(other.authorizations) == {""}
