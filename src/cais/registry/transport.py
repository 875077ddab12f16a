"""HTTP to a registry: requests with bodies that are read as they go, answers that are read as they come, redirects that leave credentials behind."""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from email.message import Message
from urllib.parse import urljoin, urlsplit

import msgspec

from cais import decoding
from cais.errors import CaisError, PullError, printable
from cais.images.tarread import ByteSource
from cais.registry.connections import Connections, Origin, is_proxied, proxy_login
from cais.registry.errors import RegistryUnreachable, broken_off, unreachable
from cais.registry.settings import Endpoint, RegistrySettings

USER_AGENT = "cais"
_MAX_ERROR_BYTES = 8 << 10
_MAX_REDIRECTS = 8
_REDIRECTS = (301, 302, 303, 307, 308)
_KEEPING_THE_METHOD = (307, 308)
_PIECE_BYTES = 1 << 18


class Body(msgspec.Struct, frozen=True):
    """What a request carries: so many bytes of what `open` gives, which may be asked for more than once (a redirect, a connection that died)."""

    size: int
    open: Callable[[], AbstractContextManager[ByteSource]]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `authorization` goes to the host of `url` only, not to where that redirects."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = {}
    authorization: str = ""
    body: Body | bytes | None = None


class Answer:
    """An HTTP answer whose body is read as it comes. `url` is where it came from in the end."""

    def __init__(self, exchange: _Exchange, response: http.client.HTTPResponse, url: str) -> None:
        self._exchange = exchange
        self._response = response
        self.url = url
        self.status: int = response.status
        self.headers: Message = response.headers
        self._left: int | None = response.length
        self._ended = False
        self._window_began = time.monotonic()
        self._window_bytes = 0

    def read(self, count: int) -> bytes:
        """At most `count` bytes; b"" at the end. Raises ConnectionLost when it breaks off before, or comes too slowly."""
        try:
            piece = self._response.read1(min(count, _PIECE_BYTES))
        except (OSError, http.client.HTTPException) as error:
            why = "silence" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
            raise broken_off(self._exchange.origin.host, why) from error
        if self._left is not None:
            self._left -= len(piece)
            if not piece and self._left > 0:
                raise broken_off(self._exchange.origin.host, f"{self._left} bytes before the end")
        if not piece:
            self._ended = True
        else:
            self._watch(len(piece))
        return piece

    def read_all(self, limit: int) -> bytes:
        """The body, which must not be longer than `limit` bytes. Raises PullError."""
        pieces = []
        while piece := self.read(_PIECE_BYTES):
            pieces.append(piece)
            limit -= len(piece)
            if limit < 0:
                raise PullError(f'registry "{self._exchange.origin.host}" sends a document that is too large')
        return b"".join(pieces)

    def close(self) -> None:
        """Let the connection go: to the next request, if everything was read."""
        self._exchange.close(reusable=self._ended or self._left == 0)

    def _watch(self, count: int) -> None:
        # A byte now and then would keep any limit on silence from ever being reached.
        settings = self._exchange.settings
        self._window_bytes += count
        elapsed_s = time.monotonic() - self._window_began
        if elapsed_s < settings.read_timeout_s:
            return
        if self._window_bytes < settings.least_bytes and self._left != 0:
            raise broken_off(self._exchange.origin.host, f"{self._window_bytes} bytes in {elapsed_s:.0f} seconds")
        self._window_began, self._window_bytes = time.monotonic(), 0


class Transport:
    """Sends requests to one endpoint, and to where it redirects and gets its tokens. Safe to use from several threads."""

    def __init__(self, endpoint: Endpoint, settings: RegistrySettings) -> None:
        self.endpoint = endpoint
        self._settings = settings
        self._connections = Connections(settings)
        self._scheme = endpoint.scheme

    def base(self) -> str:
        """`https://host`, or with `http` where the endpoint speaks nothing better and need not. Raises RegistryUnreachable."""
        if not self._scheme:
            self._scheme = self._find_scheme()
        return f"{self._scheme}://{self.endpoint.host}"

    def send(self, request: Request) -> Answer:
        """The answer, whatever its status. Raises RegistryUnreachable, ConnectionLost, PullError for a redirect that must not be followed."""
        first = origin_of(request.url)
        for _ in range(_MAX_REDIRECTS):
            answer = self._exchange(request)
            location = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or location is None:
                return answer
            answer.close()
            request = _redirected(request, answer, location, first)
        raise PullError(f'registry "{first.host}" redirects without end')

    def close(self) -> None:
        """Close what is open."""
        self._connections.close()

    def abort(self) -> None:
        """Let whoever waits for an answer, in any thread, fail at once."""
        self._connections.abort()

    def _exchange(self, request: Request) -> Answer:
        origin = origin_of(request.url)
        # What has begun to take a long body has it in part when its connection breaks: that is for the caller to find out, not to send again.
        fresh = isinstance(request.body, Body)
        while True:
            exchange = _Exchange(self._connections, self._settings, origin, self._trusts(origin), fresh=fresh)
            try:
                response = exchange.run(request)
            except BaseException as error:
                exchange.close(reusable=False)
                if exchange.was_used and isinstance(error, ConnectionError):
                    fresh = True  # the other side had closed it while it was idle
                    continue
                if isinstance(error, (OSError, http.client.HTTPException)) and not isinstance(error, CaisError):
                    raise exchange.explained(request, error) from error
                raise
            return Answer(exchange, response, request.url)

    def _trusts(self, origin: Origin) -> bool:
        return self.endpoint.trusts_anybody and origin.host == self.endpoint.host

    def _find_scheme(self) -> str:
        # This machine's registries mostly speak plain HTTP; others are given the chance to do better first.
        order = ("http", "https") if self.endpoint.is_local else ("https", "http")
        failure: RegistryUnreachable | None = None
        for scheme in order:
            try:
                answer = self._exchange(Request(url=f"{scheme}://{self.endpoint.host}/v2/"))
            except PullError as error:
                failure = failure or (error if isinstance(error, RegistryUnreachable) else unreachable("", error))
                continue
            status = answer.status
            with contextlib.suppress(PullError):  # it is not needed
                answer.read_all(_MAX_ERROR_BYTES)
            answer.close()
            if not (scheme == "http" and status == 400):  # what those who expect TLS answer
                return scheme
        if failure is None:
            failure = RegistryUnreachable(f'"{self.endpoint.host}" is no registry')
        raise failure


class _Exchange:
    """One request on one connection."""

    def __init__(
        self,
        connections: Connections,
        settings: RegistrySettings,
        origin: Origin,
        trusts_anybody: bool,
        *,
        fresh: bool,
    ) -> None:
        self.settings = settings
        self.origin = origin
        self._connections = connections
        try:
            self._connection, self.was_used = connections.take(origin, trusts_anybody=trusts_anybody, fresh=fresh)
        except ConnectionAbortedError as error:
            raise broken_off(origin.host, str(error)) from error
        self.response: http.client.HTTPResponse | None = None
        self._begun = False
        self._closed = False

    def run(self, request: Request) -> http.client.HTTPResponse:
        """Send it, and read the head of the answer."""
        headers = {"User-Agent": USER_AGENT, **proxy_login(self.origin), **request.headers}
        if request.authorization:
            headers["Authorization"] = request.authorization
        target = request.url if is_proxied(self.origin) else _target(request.url)
        with contextlib.ExitStack() as stack:
            body: bytes | ByteSource | None
            if isinstance(request.body, Body):
                headers["Content-Length"] = str(request.body.size)
                body = _Exactly(stack.enter_context(request.body.open()), request.body.size)
            else:
                body = request.body
            if self._connection.sock is None:
                self._connection.connect()
            self._begun = True
            self._send(request.method, target, body, headers)
        self.response = self._connection.getresponse()
        return self.response

    def _send(self, method: str, target: str, body: bytes | ByteSource | None, headers: dict[str, str]) -> None:
        try:
            self._connection.request(method, target, body=body, headers=headers)  # type: ignore[arg-type]  # it only reads
        except (BrokenPipeError, ConnectionResetError):
            # Who refuses a body may answer and close before it has come whole: the answer says more than the broken pipe.
            if self._connection.sock is None or not isinstance(body, _Exactly):
                raise

    def close(self, *, reusable: bool) -> None:
        """Let the connection go; idempotent."""
        if self._closed:
            return
        self._closed = True
        if self.response is not None:
            reusable = reusable and not self.response.will_close
            self.response.close()
        self._connections.give_back(self.origin, self._connection, reusable=reusable)

    def explained(self, request: Request, error: Exception) -> PullError:
        """What failed: reaching the host, or a conversation that had begun."""
        if isinstance(error, http.client.HTTPException) or (self._begun and isinstance(error, ConnectionError)):
            return broken_off(self.origin.host, str(error) or type(error).__name__)
        if self._begun and isinstance(request.body, Body) and isinstance(error, TimeoutError):
            # It took some of the body, or all: what it has can be asked for, and the rest sent again.
            return broken_off(self.origin.host, "silence")
        return unreachable(self.origin.host, error)


class _Exactly:
    """A source that has to give the bytes it was said to."""

    def __init__(self, stream: ByteSource, size: int) -> None:
        self._stream = stream
        self._left = size

    def read(self, count: int) -> bytes:
        piece = self._stream.read(min(count, self._left)) if self._left else b""
        self._left -= len(piece)
        if not piece and self._left:
            raise PullError(f"what was to be sent ended {self._left} bytes early")
        return piece


def origin_of(url: str) -> Origin:
    """Scheme and host of an HTTP address. Raises PullError for what is none."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise PullError(f'"{printable(url[:200])}" is not an HTTP address')
    return Origin(parts.scheme, parts.netloc.rpartition("@")[2])


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _redirected(request: Request, answer: Answer, location: str, first: Origin) -> Request:
    url = urljoin(request.url, location)
    origin = origin_of(url)
    if first.scheme == "https" and origin.scheme != "https":
        raise PullError(f'registry "{first.host}" redirects to an address that is not encrypted')
    # Another host is somebody else, such as a content network: it is not told who we are.
    authorization = request.authorization if origin == first else ""
    if answer.status in _KEEPING_THE_METHOD or request.method in {"GET", "HEAD"}:
        return msgspec.structs.replace(request, url=url, authorization=authorization)
    return Request(url=url, headers=request.headers, authorization=authorization)


def error_text(answer: Answer) -> str:
    """What the registry says of an error, on one line (OCI distribution specification, "Error Codes")."""
    try:
        data = answer.read_all(_MAX_ERROR_BYTES)
        errors = decoding.decode(data, _Errors).errors
    except (PullError, msgspec.DecodeError, RecursionError):  # the status has to say it
        return ""
    return "; ".join(f"{error.code}: {error.message}" for error in errors)[:500]


class _Error(msgspec.Struct, frozen=True):
    code: str = ""
    message: str = ""


class _Errors(msgspec.Struct, frozen=True):
    errors: tuple[_Error, ...] = ()
