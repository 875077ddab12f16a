from __future__ import annotations

import base64
import gzip
import http.server
import json
import os
import socket
import ssl
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.e2e.registry.images import layer
from tests.fakes.registry import FakeRegistry

from cais.database import Database
from cais.errors import InvalidImage, PullError
from cais.events import Event, ResourceEvent
from cais.images.model import StoredImage
from cais.images.platforms import parse_platform
from cais.images.reference import parse_reference
from cais.images.store import ImageStore
from cais.locations import Locations
from cais.registry.errors import NotInRegistry, RegistryUnreachable
from cais.registry.pull import pull
from cais.registry.retry import RetryPolicy
from cais.registry.settings import Endpoint, HostSettings, RegistrySettings
from cais.registry.sockets import connect_within
from cais.registry.transport import Request, Transport

pytestmark = pytest.mark.root
QUICK = RetryPolicy(first_s=0.01, most_s=0.02)


class Sink:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    fake = FakeRegistry()
    yield fake
    fake.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ImageStore]:
    place = Locations(root=str(tmp_path / "cais"), run=str(tmp_path / "run"))
    database = Database(place.database)
    opened = ImageStore(place, database)
    yield opened
    opened.close()
    database.close()


Get = Callable[..., StoredImage]


@pytest.fixture
def get(store: ImageStore, registry: FakeRegistry) -> Get:
    def fetch(name: str = "app/web:1", platform: str = "linux/amd64", **settings: object) -> StoredImage:
        return pull(
            parse_reference(f"{registry.host}/{name}"),
            store,
            events=Sink(),
            platform=parse_platform(platform),
            settings=RegistrySettings(**{"retry": QUICK, **settings}),  # type: ignore[arg-type]
        ).image

    return fetch


def test_an_image_is_pulled_and_is_what_the_registry_has(
    get: Get, store: ImageStore, registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.image(tag="1")
    image = get()
    assert image.references == (f"{registry.host}/app/web:1",)
    assert image.config.config.cmd == ("web",)
    assert store.validate(image.id) == ()
    with store.snapshots.prepare(image.chain_ids[-1]) as working:
        assert os.listdir(working.merged) == ["top"]
    asked = len(registry.requests)
    assert get() == image
    assert [(each.method, "/manifests/" in each.path) for each in registry.asked[asked:]][1:] == [("HEAD", True)]
    store.save([f"{registry.host}/app/web:1"], str(tmp_path / "out.tar"))
    with tarfile.open(tmp_path / "out.tar") as archive:
        for descriptor in json.loads(registry.served["app/web/manifests/1"][1])["layers"]:
            assert archive.getmember(f"blobs/sha256/{descriptor['digest'][7:]}").size == descriptor["size"]


def test_of_an_index_the_platform_is_chosen(get: Get, registry: FakeRegistry) -> None:
    registry.index("1", "amd64", "arm64")
    assert get().config.architecture == "amd64"
    assert get(platform="linux/arm64").config.architecture == "arm64"
    with pytest.raises(InvalidImage, match="no image for linux/s390x") as caught:
        get(platform="linux/s390x")
    assert "linux/amd64, linux/arm64" in (caught.value.hint or "")


def test_an_image_for_another_platform_is_refused(get: Get, registry: FakeRegistry) -> None:
    registry.image("arm64", tag="1")
    with pytest.raises(InvalidImage, match="for linux/arm64"):
        get()


def test_by_digest(get: Get, registry: FakeRegistry) -> None:
    digest = registry.index("1", "amd64")
    assert get(f"app/web@{digest}").references == (f"{registry.host}/app/web@{digest}",)
    registry.served[f"app/web/manifests/{digest}"] = registry.served[f"app/web/manifests/{registry.image()['digest']}"]
    with pytest.raises(InvalidImage, match="sends content with digest"):
        get(f"app/web@{digest}")


@pytest.mark.parametrize("login", ["anonymous", "bearer", "basic", "identity"])
def test_logins(get: Get, registry: FakeRegistry, tmp_path: Path, login: str) -> None:
    registry.image(tag="1")
    registry.login = "bearer" if login == "identity" else login
    entry = {"auth": base64.b64encode(b"me:secret").decode()} if login != "identity" else {"identitytoken": "identity"}
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"auths": {registry.host: entry}}))
    get(docker_config="" if login == "anonymous" else str(config))
    if login != "anonymous":
        with pytest.raises(NotInRegistry, match="access denied") as caught:
            get()
        assert "cais login" in (caught.value.hint or "")


def test_a_missing_helper_does_not_stop_a_public_pull(get: Get, registry: FakeRegistry, tmp_path: Path) -> None:
    registry.image(tag="1")
    registry.login = "anonymous"
    config = tmp_path / "config.json"
    config.write_text('{"credsStore": "nowhere"}')
    get(docker_config=str(config))


def test_credentials_do_not_follow_redirects(get: Get, registry: FakeRegistry) -> None:
    registry.image(tag="1")
    other = FakeRegistry()
    other.served = registry.served
    registry.login, registry.redirect_blobs_to = "anonymous", f"http://{other.host}"
    try:
        get()
    finally:
        other.close()
    assert len(other.requests) == 3
    assert set(other.authorizations) == {""}


def test_wrong_content_is_refused_and_leaves_nothing(get: Get, store: ImageStore, registry: FakeRegistry) -> None:
    registry.image(tag="1")
    manifest = json.loads(registry.served["app/web/manifests/1"][1])
    path = f"app/web/blobs/{manifest['layers'][1]['digest']}"
    kind, data = registry.served[path]
    registry.served[path] = (kind, gzip.compress(layer(top="evil!"), mtime=0).ljust(len(data), b"\0")[: len(data)])
    with pytest.raises(InvalidImage):
        get()
    registry.served[path] = (kind, data + b"more")
    with pytest.raises(InvalidImage, match="longer than"):
        get()
    assert store.images() == ()
    registry.served[path] = (kind, data)
    registry.asked.clear()
    get()
    assert f"/v2/app/web/blobs/{manifest['layers'][0]['digest']}" not in registry.requests


def test_a_connection_that_breaks_is_no_image(get: Get, registry: FakeRegistry) -> None:
    registry.image(tag="1")
    manifest = json.loads(registry.served["app/web/manifests/1"][1])
    registry.cut_answer(manifest["layers"][0]["digest"], after=10, times=100)
    with pytest.raises(PullError, match="broke off"):
        get()
    registry.faults.clear()
    registry.cut_answer("manifests", after=10, times=100)
    with pytest.raises(PullError, match="broke off"):
        get()
    registry.faults.clear()
    get()


def test_a_registry_that_stumbles_is_asked_again(get: Get, registry: FakeRegistry) -> None:
    registry.image(tag="1")
    registry.fail("GET", "/manifests/", 503, times=2)
    registry.fail("GET", "/blobs/", 500, times=2)
    get()


def test_what_is_not_there_is_said_with_the_registrys_words(get: Get) -> None:
    with pytest.raises(NotInRegistry, match='has no "app/web:9"') as caught:
        get("app/web:9")
    assert caught.value.details == ("MANIFEST_UNKNOWN: unknown tag",)


def test_a_mirror_goes_first_and_is_passed_over(store: ImageStore, registry: FakeRegistry) -> None:
    registry.image(tag="1")
    sink = Sink()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        dead = f"127.0.0.1:{closed.getsockname()[1]}"
        settings = RegistrySettings(hosts={"r.example": HostSettings(mirrors=(dead, registry.host))})
        image = pull(
            parse_reference("r.example/app/web:1"),
            store,
            events=sink,
            platform=parse_platform("amd64"),
            settings=settings,
        ).image
    assert image.references == ("r.example/app/web:1",)
    assert any("mirror passed over" in getattr(event, "text", "") for event in sink.events)
    told = [event.status for event in sink.events if isinstance(event, ResourceEvent) and event.kind == "Image"]
    assert told == ["Pulling", "Pulled"]


@pytest.mark.parametrize("host", ["127.0.0.1:1", "no-such-host.invalid"])
def test_nobody_there_is_known_soon(store: ImageStore, host: str) -> None:
    began = time.monotonic()
    with pytest.raises(RegistryUnreachable) as caught:
        pull(parse_reference(f"{host}/a"), store, events=Sink(), settings=RegistrySettings())
    assert time.monotonic() - began < 4
    assert "import" in (caught.value.hint or "")


def test_offline_asks_nobody(get: Get, registry: FakeRegistry) -> None:
    with pytest.raises(RegistryUnreachable, match="offline"):
        get(offline=True)
    assert registry.requests == []


def test_a_silent_host_is_given_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(silent.getsockname())
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            connect_within(silent.getsockname(), 0.6)
        assert time.monotonic() - began < 1.5
        for filler in fillers:
            filler.close()


def test_an_untrusted_certificate_is_said(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            *[
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-subj",
                "/CN=localhost",
                "-days",
                "2",
                "-keyout",
            ],
            key,
            "-out",
            certificate,
        ],
        check=True,
        capture_output=True,
    )
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.handle_request, daemon=True)
    thread.start()
    endpoint = Endpoint(host=f"localhost:{server.server_port}", scheme="https", registry="x")
    with pytest.raises(RegistryUnreachable, match="not trusted") as caught:
        Transport(endpoint, RegistrySettings()).send(Request(url=f"https://localhost:{server.server_port}/v2/"))
    assert "SSL_CERT_FILE" in (caught.value.hint or "")
    thread.join(5)
    server.server_close()
