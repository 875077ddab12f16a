from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory

import pytest
from contract_objects import ObjectsContract
from s3_server import free_port, running

from fotogal.objects.interface import ObjectStore, StoreUnavailable
from fotogal.objects.s3 import CONFLICT_TRIES, S3Store
from fotogal.settings import BUCKET, S3Settings


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[S3Settings, Path]]:
    # Not below /tmp where that is in memory: the server keeps extended attributes.
    with TemporaryDirectory(prefix="fotogal-s3-", dir="/var/tmp") as folder, running(Path(folder)) as settings:
        yield settings, Path(folder)


@pytest.fixture
def server(served: tuple[S3Settings, Path]) -> S3Settings:
    return served[0]


@pytest.fixture
def bucket(server: S3Settings) -> Iterator[str]:
    """A name for this test; what is in the bucket is removed at its end."""
    name = f"{BUCKET}_{token_hex(4)}"
    yield name
    store = S3Store(server, name)
    for item in store.listing():
        store.delete(item.key)
    store.close()


class TestS3(ObjectsContract):
    @pytest.fixture
    def store(self, server: S3Settings, bucket: str) -> Iterator[ObjectStore]:
        made = S3Store(server, bucket)
        assert made.provision() == [f"created bucket {bucket}"]
        yield made
        made.close()

    def test_the_bucket_is_private(self, store: ObjectStore, server: S3Settings, bucket: str) -> None:
        store.put("1/full.png", b"x", "image/png")
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{server.endpoint}/{bucket}/1/full.png")

    @pytest.mark.usefixtures("store")
    def test_what_nginx_is_pointed_to(self, server: S3Settings, bucket: str) -> None:
        """The location without `/_s3/http`, asked for with the server's name as `Host`, is the object with its type."""
        store = S3Store(server, bucket, redirects=True)
        store.put("1/full.png", b"\x89PNG", "image/png")
        location = store.redirect("1/full.png")
        assert location is not None
        assert location.startswith(f"/_s3/{server.endpoint.replace('://', '/')}/{bucket}/1/full.png?")
        address = location.replace("/_s3/http/", "http://", 1)
        with urllib.request.urlopen(address) as answer:
            assert answer.read() == b"\x89PNG"
            assert answer.headers["Content-Type"] == "image/png"
        with pytest.raises(urllib.error.HTTPError, match="403"):  # signed for this one alone
            urllib.request.urlopen(address.replace("full", "other"))
        store.close()

    def test_who_is_in_front_is_not_pointed_anywhere_unless_told(self, store: ObjectStore) -> None:
        assert store.redirect("1/full.png") is None

    @pytest.mark.usefixtures("store")
    def test_a_wrong_key(self, server: S3Settings, bucket: str) -> None:
        stranger = S3Store(replace(server, secret_key="another"), bucket)
        for call in (
            stranger.ready,
            lambda: stranger.get("1/full.png"),
            lambda: stranger.put("1/full.png", b"", "image/png"),
        ):
            with pytest.raises(StoreUnavailable):
                call()
        stranger.close()


def test_a_bucket_that_is_missing(server: S3Settings) -> None:
    store = S3Store(server, "no_such_bucket")
    with pytest.raises(StoreUnavailable, match="fotogal provision"):
        store.ready()
    with pytest.raises(StoreUnavailable, match="NoSuchBucket"):
        store.get("1/full.png")
    store.close()


class _Quiet(BaseHTTPRequestHandler):
    def log_message(self, format: str, *values: object) -> None:  # noqa: A002 http.server's name
        """Says nothing."""


class _CutsOff(_Quiet):
    """Ends the connection before the last byte."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"whol")


@contextmanager
def answered_by(handler: type[BaseHTTPRequestHandler]) -> Iterator[S3Store]:
    """A store whose server this is."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        store = S3Store(S3Settings(f"http://127.0.0.1:{server.server_port}", "us-east-1", "a", "b"), BUCKET)
        try:
            yield store
        finally:
            store.close()
            server.shutdown()
            thread.join()


def test_an_answer_that_is_cut_off_is_no_object() -> None:
    with answered_by(_CutsOff) as store, pytest.raises(StoreUnavailable):
        store.get("1/full.png")


@pytest.mark.parametrize(
    ("answers", "error"), [([409, 409, 200], None), ([409] * CONFLICT_TRIES, "409"), ([403], "403")]
)
def test_a_place_that_somebody_changes_at_the_moment_is_asked_again(answers: list[int], error: str | None) -> None:
    left = list(answers)

    class Says(_Quiet):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(left.pop(0))
            self.send_header("Content-Length", "0")
            self.end_headers()

    with answered_by(Says) as store, pytest.raises(StoreUnavailable, match=error) if error else nullcontext():
        store.put("1/full.png", b"x", "image/png")
    assert left == []


def test_a_server_that_comes_back() -> None:
    with TemporaryDirectory(prefix="fotogal-s3-", dir="/var/tmp") as folder:
        port = free_port()
        with running(Path(folder), port) as settings:
            store = S3Store(settings, BUCKET)
            store.provision()
            store.put("1/full.png", b"x", "image/png")
        for call in (store.ready, lambda: store.get("1/full.png"), lambda: list(store.listing())):
            with pytest.raises(StoreUnavailable):
                call()
        with running(Path(folder), port):
            assert store.get("1/full.png") == b"x"
        store.close()
