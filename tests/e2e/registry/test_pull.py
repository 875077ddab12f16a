from __future__ import annotations

import base64
import gzip
import hashlib
import http.server
import io
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

from cais.database import Database
from cais.errors import InvalidImage, PullError
from cais.events import Event, ResourceEvent
from cais.images.model import DOCKER_CONFIG, DOCKER_LAYER_GZIP, DOCKER_MANIFEST, DOCKER_MANIFEST_LIST, StoredImage
from cais.images.platforms import parse_platform
from cais.images.reference import parse_reference
from cais.images.store import ImageStore
from cais.locations import Locations
from cais.registry.errors import NotInRegistry, RegistryUnreachable
from cais.registry.pull import pull
from cais.registry.settings import Endpoint, HostSettings, RegistrySettings
from cais.registry.sockets import connect_within
from cais.registry.transport import Request, Transport

pytestmark = pytest.mark.root


def sha(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


class FakeRegistry:
    """A registry in this process. `served` maps paths below /v2/ to (content type, body); `requests` are the paths asked for."""

    def __init__(self) -> None:
        self.served: dict[str, tuple[str, bytes]] = {}
        self.requests: list[str] = []
        self.authorizations: list[str] = []
        self.login = ""
        self.failures = 0
        self.truncate = ""
        self.redirect_blobs_to = ""
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                registry.answer(self)

            do_POST = do_GET  # noqa: N815  (the name http.server calls)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def answer(self, call: http.server.BaseHTTPRequestHandler) -> None:
        path = call.path
        self.requests.append(path)
        self.authorizations.append(call.headers.get("Authorization", ""))
        given = self.authorizations[-1]
        basic = "Basic " + base64.b64encode(b"me:secret").decode()
        if path.startswith("/token"):
            body = call.rfile.read(int(call.headers.get("Content-Length", 0)))
            good = self.login == "anonymous" or given == basic or b"refresh_token=identity" in body
            return self.send(call, 200 if good else 401, b'{"token": "t0ken"}')
        if self.failures:
            self.failures -= 1
            return self.send(call, 503, b"")
        if self.login == "basic" and given != basic:
            return self.send(call, 401, b"{}", {"WWW-Authenticate": 'Basic realm="r"'})
        if self.login in ("bearer", "anonymous") and given != "Bearer t0ken":
            challenge = f'Bearer realm="http://{self.host}/token",service="s",scope="repository:app/web:pull"'
            return self.send(call, 401, b"{}", {"WWW-Authenticate": challenge})
        if self.redirect_blobs_to and "/blobs/" in path:
            return self.send(call, 307, b"", {"Location": self.redirect_blobs_to + path})
        if path.removeprefix("/v2/") not in self.served:
            return self.send(call, 404, b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "unknown tag"}]}')
        kind, data = self.served[path.removeprefix("/v2/")]
        return self.send(call, 200, data, {"Content-Type": kind})

    def send(
        self, call: http.server.BaseHTTPRequestHandler, status: int, data: bytes, headers: dict[str, str] | None = None
    ) -> None:
        call.send_response(status)
        for name, value in (headers or {}).items():
            call.send_header(name, value)
        call.send_header("Content-Length", str(len(data)))
        call.end_headers()
        call.wfile.write(data[: len(data) // 2] if self.truncate and self.truncate in call.path else data)

    def blob(self, data: bytes) -> dict[str, object]:
        self.served[f"app/web/blobs/{sha(data)}"] = ("application/octet-stream", data)
        return {"digest": sha(data), "size": len(data)}

    def image(self, architecture: str = "amd64", tag: str = "") -> dict[str, object]:
        layers = [layer(base="b" * 100_000), layer(**{".wh.base": "", "top": architecture})]
        config = {
            "architecture": architecture,
            "os": "linux",
            "config": {"Cmd": ["web"], "Env": None},
            "rootfs": {"type": "layers", "diff_ids": [sha(data) for data in layers]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": DOCKER_MANIFEST,
            "config": {"mediaType": DOCKER_CONFIG, **self.blob(json.dumps(config).encode())},
            "layers": [{"mediaType": DOCKER_LAYER_GZIP, **self.blob(gzip.compress(data, mtime=0))} for data in layers],
        }
        data = json.dumps(manifest).encode()
        for name in (tag, sha(data)):
            self.served[f"app/web/manifests/{name}"] = (DOCKER_MANIFEST, data)
        return {"mediaType": DOCKER_MANIFEST, "digest": sha(data), "size": len(data)}

    def index(self, tag: str, *architectures: str) -> str:
        entries: list[dict[str, object]] = [
            {**self.image(each), "platform": {"os": "linux", "architecture": each}} for each in architectures
        ]
        note = {"mediaType": DOCKER_MANIFEST, "digest": sha(b""), "size": 1}
        note |= {
            "platform": {"os": "unknown", "architecture": "unknown"},
            "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
        }
        data = json.dumps(
            {"schemaVersion": 2, "mediaType": DOCKER_MANIFEST_LIST, "manifests": [*entries, note]}
        ).encode()
        for name in (tag, sha(data)):
            self.served[f"app/web/manifests/{name}"] = (DOCKER_MANIFEST_LIST, data)
        return sha(data)


def layer(**files: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


class Sink:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    fake = FakeRegistry()
    yield fake
    fake.server.shutdown()
    fake.server.server_close()


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
            settings=RegistrySettings(**settings),  # type: ignore[arg-type]
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
    assert [path for path in registry.requests[asked:] if "/blobs/" in path] == [f"/v2/app/web/blobs/{image.id}"]
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
        other.server.shutdown()
        other.server.server_close()
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
    registry.requests.clear()
    get()
    assert f"/v2/app/web/blobs/{manifest['layers'][0]['digest']}" not in registry.requests


def test_a_connection_that_breaks_is_no_image(get: Get, registry: FakeRegistry) -> None:
    registry.image(tag="1")
    manifest = json.loads(registry.served["app/web/manifests/1"][1])
    registry.truncate = manifest["layers"][0]["digest"]
    with pytest.raises(PullError, match="broke off"):
        get()
    registry.truncate = "manifests"
    with pytest.raises(PullError, match="broke off"):
        get()
    registry.truncate = ""
    get()


def test_a_registry_that_stumbles_is_asked_again(get: Get, registry: FakeRegistry) -> None:
    registry.image(tag="1")
    registry.failures = 2
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
