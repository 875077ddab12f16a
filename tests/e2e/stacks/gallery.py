"""FotoGal as a program sees it: a member with a session, and pictures to publish."""

from __future__ import annotations

import json
import secrets
import struct
import zlib
from collections.abc import Mapping
from http.cookies import SimpleCookie
from typing import Any, Self

from tests.e2e.harness import Answer, http

PASSWORD = "uma senha de teste"
JSON = "application/json"


def picture(width: int = 640, height: int = 480, *, noisy: bool = False) -> bytes:
    """A PNG of its own each time. `noisy`: of chance, so that it does not shrink (3 bytes a pixel)."""
    row = secrets.token_bytes(3) * width
    rows = (b"\0" + (secrets.token_bytes(3 * width) if noisy else row) for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(b"".join(rows), 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def form(data: bytes, fields: Mapping[str, str] = {}) -> tuple[bytes, str]:
    """An upload as a browser sends it: the body and its content type (RFC 7578)."""
    boundary = secrets.token_hex(16)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="f.png"\r\nContent-Type: image/png\r\n\r\n'
    return b"".join(
        (*parts, head.encode(), data, f"\r\n--{boundary}--\r\n".encode())
    ), f"multipart/form-data; boundary={boundary}"


class Member:
    """Somebody who is logged in, by the API."""

    def __init__(self, site: str, username: str, cookie: str, csrf_token: str) -> None:
        self.site = site
        self.username = username
        self.cookie = cookie
        self.csrf_token = csrf_token

    @classmethod
    def register(cls, site: str, **more: object) -> Self:
        """A new account of a name nobody has."""
        username = f"u{secrets.token_hex(6)}"
        wanted = {
            "email": f"{username}@example.org",
            "full_name": f"Pessoa {username}",
            "username": username,
            "password": PASSWORD,
        }
        return cls._enter(site, "/api/register", {**wanted, **more}, username, 201)

    @classmethod
    def log_in(cls, site: str, username: str, password: str = PASSWORD) -> Self:
        return cls._enter(site, "/api/login", {"name": username, "password": password}, username, 200)

    @classmethod
    def _enter(cls, site: str, path: str, body: object, username: str, status: int) -> Self:
        answer = http(site + path, method="POST", data=json.dumps(body).encode(), headers={"Content-Type": JSON})
        assert answer.status == status, answer.body
        (cookie,) = (f"{m.key}={m.value}" for m in SimpleCookie(answer.headers["Set-Cookie"]).values())
        return cls(site, username, cookie, answer.json["csrf_token"])

    @property
    def headers(self) -> dict[str, str]:
        return {"Cookie": self.cookie, "X-CSRF-Token": self.csrf_token}

    def call(self, method: str, path: str, value: object = None) -> Answer:
        """JSON in, an answer out, whatever its status."""
        data = None if value is None else json.dumps(value).encode()
        kind = {} if value is None else {"Content-Type": JSON}
        return http(self.site + path, method=method, data=data, headers={**self.headers, **kind}, timeout_s=30)

    def ok(self, method: str, path: str, value: object = None) -> Any:
        """As `call`, and the JSON of an answer of 2xx."""
        answer = self.call(method, path, value)
        assert 200 <= answer.status < 300, (answer.status, answer.body)
        return answer.json if answer.body else None

    def upload(self, data: bytes, **fields: str) -> Answer:
        body, kind = form(data, fields)
        return http(
            f"{self.site}/api/image/upload",
            method="POST",
            data=body,
            headers={**self.headers, "Content-Type": kind},
            timeout_s=60,
        )

    def publish(self, data: bytes | None = None, **fields: str) -> dict[str, Any]:
        """A photo that is there."""
        answer = self.upload(data or picture(), **fields)
        assert answer.status == 201, (answer.status, answer.body)
        return dict(answer.json)

    def timeline(self) -> list[str]:
        """The identities of the first page's photos."""
        return [image["id"] for image in self.ok("GET", "/api/timeline")["images"]]
