"""A registry in this process, as good or as bad as a test wants it: it serves, takes uploads, asks for logins, and fails as its faults say.

`served` maps paths below /v2/ to (content type, body); what is uploaded goes there too. `asked` is what was asked for, in order.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.server
import json
import os
import re
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from cais.images.model import DOCKER_CONFIG, DOCKER_LAYER_GZIP, DOCKER_MANIFEST, DOCKER_MANIFEST_LIST
from tests.e2e.registry.images import layer, sha

Call = http.server.BaseHTTPRequestHandler
BASIC = "Basic " + base64.b64encode(b"me:secret").decode()


class Asked(NamedTuple):
    """One request."""

    method: str
    path: str
    authorization: str
    headers: Mapping[str, str]


class Fault:
    """Does `act` in place of an answer to requests that match, so many `times`. `act` may return False to let the answer go its way."""

    def __init__(self, method: str, path: str, act: Callable[[Call], bool | None], times: int = 1) -> None:
        self.method = method
        self.path = re.compile(path)
        self.act = act
        self.times = times

    def takes(self, call: Call) -> bool:
        return self.times > 0 and call.command == self.method and bool(self.path.search(call.path))


class FakeRegistry:
    """A running server; `close` ends it. `login` is "", "basic", "bearer" or "anonymous" (a token for everybody)."""

    def __init__(self, *, context: Any = None) -> None:
        self.served: dict[str, tuple[str, bytes]] = {}
        self.asked: list[Asked] = []
        self.faults: list[Fault] = []
        self.uploads: dict[str, bytearray] = {}
        self.login = ""
        self.tokens: set[str] = set()
        self.scopes: list[list[str]] = []
        self.token_uses = 1_000_000
        self.knows_ranges = True
        self.knows_oci = True
        self.redirect_blobs_to = ""
        self.lock = threading.Lock()
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                registry.answer(self)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = answer  # noqa: N815  (the names http.server calls)

            def log_message(self, *_: object) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                pass  # connections that a test breaks

        self.server = Server(("127.0.0.1", 0), Handler)
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        self.host = f"127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    # --- what was asked ---

    @property
    def requests(self) -> list[str]:
        """The paths that were asked for."""
        return [asked.path for asked in self.asked]

    @property
    def authorizations(self) -> list[str]:
        """Who asked."""
        return [asked.authorization for asked in self.asked]

    def count(self, method: str, path: str) -> int:
        """How many requests of a method there were to paths with a part like this."""
        return sum(asked.method == method and path in asked.path for asked in self.asked)

    # --- what it has ---

    def blob(self, data: bytes, repository: str = "app/web") -> dict[str, object]:
        self.served[f"{repository}/blobs/{sha(data)}"] = ("application/octet-stream", data)
        return {"digest": sha(data), "size": len(data)}

    def image(self, architecture: str = "amd64", tag: str = "", big: str = "b" * 100_000) -> dict[str, object]:
        layers = [layer(base=big), layer(**{".wh.base": "", "top": architecture})]
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

    # --- faults ---

    def fail(self, method: str, path: str, status: int, times: int = 1, **headers: str) -> None:
        """Answer so many times with a status."""

        def act(call: Call) -> None:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            self._read_body(call)
            self.send(call, status, b'{"errors": [{"code": "NOT_NOW", "message": "come back"}]}', named)

        self.faults.append(Fault(method, path, act, times))

    def cut_answer(self, path: str, after: int, times: int = 1) -> None:
        """Break the connection after so many bytes of a body."""

        def act(call: Call) -> bool:
            call.cut_after = after  # type: ignore[attr-defined]
            return False

        self.faults.append(Fault("GET", path, act, times))

    def cut_request(self, method: str, after: int, times: int = 1, *, keeps: bool = True) -> None:
        """Take so many bytes of an upload and break the connection; `keeps` what it took."""

        def act(call: Call) -> None:
            data = call.rfile.read(after)
            if keeps:
                self.uploads[_upload(call.path)] += data
            hang_up(call)

        self.faults.append(Fault(method, "/uploads/", act, times))

    def fall_silent(self, method: str, after: int, times: int = 1) -> None:
        """Take so many bytes of an upload, and neither read on nor answer until the other side has gone."""

        def act(call: Call) -> None:
            self.uploads[_upload(call.path)] += call.rfile.read(after)
            gone = select.poll()
            gone.register(call.connection, select.POLLRDHUP)
            gone.poll(60_000)
            call.close_connection = True

        self.faults.append(Fault(method, "/uploads/", act, times))

    # --- answering ---

    def answer(self, call: Call) -> None:
        given = call.headers.get("Authorization", "")
        with self.lock:
            self.asked.append(Asked(call.command, call.path, given, dict(call.headers)))
            fault = next((each for each in self.faults if each.takes(call)), None)
            if fault is not None:
                fault.times -= 1
        if fault is not None and fault.act(call) is not False:
            return
        if urlsplit(call.path).path == "/token":
            self._token(call, given)
        elif self._may_enter(call, given):
            self._serve(call)

    def _token(self, call: Call, given: str) -> None:
        query = parse_qs(urlsplit(call.path).query)
        body = parse_qs(self._read_body(call).decode())
        self.scopes.append(query.get("scope", body.get("scope", [])))
        good = self.login == "anonymous" or given == BASIC or body.get("refresh_token") == ["identity"]
        token = f"t0ken-{len(self.scopes)}"
        if good:
            self.tokens = {token}
            self.token_uses_left = self.token_uses
        self.send(call, 200 if good else 401, json.dumps({"token": token}).encode())

    def _may_enter(self, call: Call, given: str) -> bool:
        if self.login in ("", None):
            return True
        if self.login == "basic":
            challenge, good = 'Basic realm="r"', given == BASIC
        else:
            scheme = "https" if hasattr(self.server.socket, "context") else "http"
            challenge = f'Bearer realm="{scheme}://{self.host}/token",service="s",scope="repository:app/web:pull"'
            good = given.removeprefix("Bearer ") in self.tokens
            if good:
                self.token_uses_left -= 1
                if self.token_uses_left < 0:
                    self.tokens, good = set(), False
        if not good:
            self._read_body(call)
            self.send(call, 401, b"{}", {"WWW-Authenticate": challenge})
        return good

    def _serve(self, call: Call) -> None:
        path = urlsplit(call.path).path
        if "/blobs/uploads/" in path:
            self._upload(call, path)
        elif call.command == "PUT":
            self._put_manifest(call, path.removeprefix("/v2/"))
        elif self.redirect_blobs_to and "/blobs/" in path:
            self.send(call, 307, b"", {"Location": self.redirect_blobs_to + path})
        elif path == "/v2/":
            self.send(call, 200, b"{}")
        elif path.removeprefix("/v2/") not in self.served:
            self.send(call, 404, b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "unknown tag"}]}')
        else:
            self._give(call, path.removeprefix("/v2/"))

    def _give(self, call: Call, path: str) -> None:
        kind, data = self.served[path]
        headers = {"Content-Type": kind}
        if "/manifests/" in path:
            headers["Docker-Content-Digest"] = sha(data)
        wanted = re.fullmatch(r"bytes=(\d+)-", call.headers.get("Range", ""))
        if wanted and self.knows_ranges:
            begin = int(wanted[1])
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
            self.send(call, 206, data[begin:], headers)
        else:
            self.send(call, 200, data, headers)

    def _upload(self, call: Call, path: str) -> None:
        repository = path.removeprefix("/v2/").partition("/blobs/")[0]
        query = parse_qs(urlsplit(call.path).query)
        if call.command == "POST":
            self._begin_upload(call, repository, query)
            return
        name = _upload(path)
        if name not in self.uploads:
            self._read_body(call)
            self.send(call, 404, b'{"errors": [{"code": "BLOB_UPLOAD_UNKNOWN", "message": "unknown upload"}]}')
            return
        if call.command in {"PATCH", "PUT"}:
            self.uploads[name] += self._read_body(call)
        headers = {"Location": path, "Range": f"0-{max(0, len(self.uploads[name]) - 1)}"}
        if call.command != "PUT":
            self.send(call, 202 if call.command == "PATCH" else 204, b"", headers)
            return
        data = bytes(self.uploads.pop(name))
        digest = query["digest"][0]
        if sha(data) != digest:
            self.send(call, 400, b'{"errors": [{"code": "DIGEST_INVALID", "message": "other content"}]}')
            return
        self.served[f"{repository}/blobs/{digest}"] = ("application/octet-stream", data)
        self.send(call, 201, b"", {"Location": f"/v2/{repository}/blobs/{digest}"})

    def _begin_upload(self, call: Call, repository: str, query: Mapping[str, list[str]]) -> None:
        mounted = f"{query.get('from', [''])[0]}/blobs/{query.get('mount', [''])[0]}"
        if mounted in self.served:
            self.served[f"{repository}/blobs/{query['mount'][0]}"] = self.served[mounted]
            self.send(call, 201, b"", {"Location": "/"})
            return
        name = f"up{len(self.asked)}"
        self.uploads[name] = bytearray()
        self.send(call, 202, b"", {"Location": f"/v2/{repository}/blobs/uploads/{name}"})

    def _put_manifest(self, call: Call, path: str) -> None:
        data, kind = self._read_body(call), call.headers.get("Content-Type", "")
        if not self.knows_oci and "oci" in kind:
            self.send(call, 400, b'{"errors": [{"code": "MANIFEST_INVALID", "message": "what is that"}]}')
            return
        repository = path.partition("/manifests/")[0]
        for name in (path, f"{repository}/manifests/{sha(data)}"):
            self.served[name] = (kind, data)
        self.send(call, 201, b"", {"Docker-Content-Digest": sha(data)})

    @staticmethod
    def _read_body(call: Call) -> bytes:
        return call.rfile.read(int(call.headers.get("Content-Length", 0)))

    def send(self, call: Call, status: int, data: bytes, headers: Mapping[str, str] | None = None) -> None:
        call.send_response(status)
        for name, value in (headers or {}).items():
            call.send_header(name, value)
        if status != 204:
            call.send_header("Content-Length", str(len(data)))
        call.end_headers()
        if call.command == "HEAD":
            return
        cut: int | None = getattr(call, "cut_after", None)
        call.wfile.write(data if cut is None else data[:cut])
        if cut is not None:
            del call.cut_after  # type: ignore[attr-defined]
            hang_up(call)


def hang_up(call: Call) -> None:
    """Break the connection."""
    call.close_connection = True
    call.wfile.flush()
    call.connection.shutdown(socket.SHUT_RDWR)


def reset(call: Call) -> None:
    """Break the connection as somebody on the way does who has had enough: without an end of what is sent (socket(7), SO_LINGER)."""
    call.close_connection = True
    call.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(call.connection.detach())


def trickle(call: Call, size: int, every_s: float) -> None:
    """Begin a body of `size` bytes and send a byte now and then, until the other side has gone."""
    call.send_response(200)
    call.send_header("Content-Length", str(size))
    call.end_headers()
    for _ in range(size):
        call.wfile.write(b"x")
        time.sleep(every_s)


def endless(call: Call) -> None:
    """A document without an end."""
    call.send_response(200)
    call.send_header("Content-Type", DOCKER_MANIFEST)
    call.send_header("Transfer-Encoding", "chunked")
    call.end_headers()
    block = b'{"schemaVersion": 2, "x": "' + b"x" * (1 << 16)
    while True:
        call.wfile.write(b"%x\r\n%s\r\n" % (len(block), block))


def _upload(path: str) -> str:
    return urlsplit(path).path.rpartition("/")[2]


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
