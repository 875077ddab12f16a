"""HTTP to a registry by the standard library: bounded connecting, proxies, redirects that leave credentials behind.

`urllib`, `http` and `ssl` cost 50 ms to import; nothing else in Cais loads this module.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.message import Message
from typing import IO, Any

import msgspec

from cais import decoding
from cais.errors import PullError
from cais.registry.errors import unreachable
from cais.registry.settings import Endpoint, RegistrySettings

USER_AGENT = "cais"
_MAX_ERROR_BYTES = 8 << 10
_MIN_ATTEMPT_S = 0.5


class Answer:
    """An HTTP answer whose body is read as it comes."""

    def __init__(self, response: Any, host: str) -> None:  # noqa: ANN401  (addinfourl or HTTPResponse)
        self._response = response
        self._host = host
        self.status: int = response.status
        self.headers: Message = response.headers
        length = response.headers.get("Content-Length", "")
        self._left = int(length) if length.isdigit() else None

    def read(self, count: int) -> bytes:
        """At most `count` bytes; b"" at the end. Raises PullError when the connection breaks before it."""
        try:
            piece: bytes = self._response.read(count)
        except (OSError, http.client.HTTPException) as error:
            raise unreachable(self._host, error) from error
        if self._left is not None:
            self._left -= len(piece)
            if not piece and self._left > 0:
                raise PullError(
                    f'registry "{self._host}" broke off {self._left} bytes before the end',
                    hint="try again: what has come whole is kept",
                )
        return piece

    def read_all(self, limit: int) -> bytes:
        """The body, which must not be longer than `limit` bytes. Raises PullError."""
        pieces = []
        while piece := self.read(min(limit + 1, 1 << 16)):
            pieces.append(piece)
            limit -= len(piece)
            if limit < 0:
                raise PullError(f'registry "{self._host}" sends a document that is too large')
        return b"".join(pieces)

    def close(self) -> None:
        """Let the connection go."""
        self._response.close()


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A GET, or a POST when there is a body."""

    url: str
    headers: Mapping[str, str] = {}
    authorization: str = ""
    body: bytes | None = None


class Transport:
    """Sends requests to one endpoint, and to where it redirects and gets its tokens."""

    def __init__(self, endpoint: Endpoint, settings: RegistrySettings) -> None:
        self.endpoint = endpoint
        proxies = urllib.request.ProxyHandler({} if endpoint.is_local else None)
        self._opener = urllib.request.build_opener(
            proxies, _Http(settings), _Https(settings), _Redirects(secure=endpoint.scheme == "https")
        )
        self._opener.addheaders = [("User-Agent", USER_AGENT)]

    def send(self, request: Request) -> Answer:
        """The answer, whatever its status. Raises RegistryUnreachable."""
        if not request.url.startswith(("https://", "http://")):
            raise PullError(f'"{request.url[:200]}" is not an HTTP address')
        native = urllib.request.Request(request.url, data=request.body, headers=dict(request.headers))  # noqa: S310  (checked above)
        if request.authorization:
            # Not sent on to where a redirect leads: that is somebody else, such as a content network.
            native.add_unredirected_header("Authorization", request.authorization)
        host = native.host or self.endpoint.host
        try:
            return Answer(self._opener.open(native), host)
        except urllib.error.HTTPError as error:
            return Answer(error, host)
        except urllib.error.URLError as error:
            reason = error.reason if isinstance(error.reason, BaseException) else error
            raise unreachable(host, reason) from error
        except (OSError, http.client.HTTPException) as error:
            raise unreachable(host, error) from error


def error_text(answer: Answer) -> str:
    """What the registry says of an error, on one line (OCI distribution specification, "Error Codes")."""
    data = answer.read_all(_MAX_ERROR_BYTES)
    try:
        errors = decoding.decode(data, _Errors).errors
    except msgspec.DecodeError:
        return ""
    return "; ".join(f"{error.code}: {error.message}" for error in errors)[:500]


class _Error(msgspec.Struct, frozen=True):
    code: str = ""
    message: str = ""


class _Errors(msgspec.Struct, frozen=True):
    errors: tuple[_Error, ...] = ()


class _Redirects(urllib.request.HTTPRedirectHandler):
    def __init__(self, *, secure: bool) -> None:
        self._secure = secure

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if self._secure and not newurl.startswith("https://"):
            raise PullError(f'registry "{req.host}" redirects to an address that is not encrypted')
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Http(urllib.request.HTTPHandler):
    def __init__(self, settings: RegistrySettings) -> None:
        super().__init__()
        self._settings = settings

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_bounded(http.client.HTTPConnection, self._settings), req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, settings: RegistrySettings) -> None:
        super().__init__()
        self._settings = settings

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        # The system's trust store, or what SSL_CERT_FILE names; read by the first request that needs it.
        trust = ssl.create_default_context()
        return self.do_open(_bounded(http.client.HTTPSConnection, self._settings), req, context=trust)


def _bounded(kind: type[http.client.HTTPConnection], settings: RegistrySettings) -> Any:  # noqa: ANN401  (typeshed wants a protocol with private names)
    """A connection class that gives up soon while connecting, and is patient after."""

    def make(host: str, **arguments: Any) -> http.client.HTTPConnection:  # noqa: ANN401  (urllib's keywords, passed on)
        arguments["timeout"] = settings.connect_timeout_s
        connection = kind(host, **arguments)

        def connect(address: tuple[str, int], *_: object) -> socket.socket:
            opened = connect_within(address, settings.connect_timeout_s)
            opened.settimeout(settings.read_timeout_s)
            return opened

        connection._create_connection = connect  # type: ignore[attr-defined]  # noqa: SLF001  (the one place to bound it)
        return connection

    return make


def connect_within(address: tuple[str, int], timeout_s: float) -> socket.socket:
    """Find and connect to a host within `timeout_s`. Raises what the socket module raises; TimeoutError for a silent resolver too."""
    deadline = time.monotonic() + timeout_s
    found = _resolve(address, timeout_s)
    failure: OSError = TimeoutError("timed out")
    for number, (family, kind, protocol, _, place) in enumerate(found):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        opened = socket.socket(family, kind, protocol)
        try:
            # No single address (IPv6 without a route, say) may use up the time of the others.
            opened.settimeout(max(_MIN_ATTEMPT_S, left / (len(found) - number)))
            opened.connect(place)
        except OSError as error:
            opened.close()
            failure = error
        else:
            return opened
    raise failure


_Found = list[tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]]


def _resolve(address: tuple[str, int], timeout_s: float) -> _Found:
    # getaddrinfo(3) cannot be given a time; a resolver that does not answer would hold it for half a minute.
    found: _Found = []
    failures: list[OSError] = []

    def look_up() -> None:
        try:
            found.extend(socket.getaddrinfo(*address, type=socket.SOCK_STREAM))
        except OSError as error:
            failures.append(error)

    thread = threading.Thread(target=look_up, daemon=True, name="resolver")
    thread.start()
    thread.join(timeout_s)
    if failures:
        raise failures[0]
    if thread.is_alive():
        raise TimeoutError(f"the name server does not answer for {address[0]}")
    return found
