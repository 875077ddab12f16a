"""As much of Oracle Cloud as the tests need, on this machine: an HTTP server that checks the signature of each request, keeps it, and answers.

What it answers is written after the public REST reference of each service; what only a real account can show is listed in the README.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from fotogal.oracle import Account

TENANCY = "ocid1.tenancy.oc1..aaaa"
USER = "ocid1.user.oc1..bbbb"
FINGERPRINT = "20:3b:97:13:55:1c:5b:0d:d3:37:d8:50:4e:c5:3a:34"
_CLIENTS = ("IdentityClient", "ObjectStorageClient", "LoggingManagementClient", "LoggingClient", "NoSQLHandle")
_SIGNATURE = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Asked:
    """A request. `path` without its percent signs."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        loaded: dict[str, object] = json.loads(self.body)
        return loaded


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut_off: bool = False  # the connection ends before the last byte


def answer(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    """`value` as JSON."""
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})


def refusal(status: int, code: str, message: str = "refused") -> Answer:
    return answer({"code": code, "message": message}, status)


class Cloud:
    """`requests` are those that were answered; `failing` are the next answers, whatever is asked."""

    def __init__(self, respond: Callable[[Asked], Answer]) -> None:
        self.requests: list[Asked] = []
        self.failing: deque[Answer] = deque()
        self._respond = respond
        self.url = ""

    def take(self, asked: Asked) -> Answer:
        if not _is_signed(asked):
            return refusal(401, "NotAuthenticated", "the signature is not right")
        self.requests.append(asked)
        return self.failing.popleft() if self.failing else self._respond(asked)

    def account(self) -> Account:
        config = {
            "tenancy": TENANCY,
            "user": USER,
            "fingerprint": FINGERPRINT,
            "region": "sa-saopaulo-1",
            "key_content": pem(),
        }
        return Account(config, "cmp-fotogal", dict.fromkeys(_CLIENTS, self.url))


@contextmanager
def running(respond: Callable[[Asked], Answer]) -> Iterator[Cloud]:
    cloud = Cloud(respond)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Without it each answer waits 40 ms for a confirmation of its head.
        disable_nagle_algorithm = True

        def _any(self) -> None:
            where = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(where.query, keep_blank_values=True).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()} | {":path": self.path}
            given = cloud.take(Asked(self.command, unquote(where.path), query, headers, body))
            self.send_response(given.status)
            for name, value in given.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(given.body) + given.cut_off))
            self.end_headers()
            self.close_connection = self.close_connection or given.cut_off
            if self.command != "HEAD":
                self.wfile.write(given.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _any  # noqa: N815 http.server's names

        def log_message(self, format: str, *values: object) -> None:  # noqa: A002 http.server's name
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    cloud.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield cloud
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem() -> str:
    return (
        _key()
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def _is_signed(asked: Asked) -> bool:
    """Whether the account's key signed the method, the path, the host and the date, and for a body its digest too (draft-cavage-http-signatures-08)."""
    parts = dict(_SIGNATURE.findall(asked.headers.get("authorization", "")))
    names = parts.get("headers", "").split()
    if (
        not {"date", "(request-target)", "host"} <= set(names)
        or parts.get("keyId") != f"{TENANCY}/{USER}/{FINGERPRINT}"
    ):
        return False
    signed = {**asked.headers, "(request-target)": f"{asked.method.lower()} {asked.headers[':path']}"}
    text = "\n".join(f"{name}: {signed.get(name, '')}" for name in names)
    try:
        _key().public_key().verify(
            base64.b64decode(parts["signature"]), text.encode(), padding.PKCS1v15(), hashes.SHA256()
        )
    except InvalidSignature:
        return False
    return True
