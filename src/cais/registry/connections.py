"""Connections to hosts: TLS and whom it trusts, proxies, and those kept open for the next request.

`http`, `ssl` and `urllib` cost 50 ms to import; nothing outside this package loads this module.
"""

from __future__ import annotations

import contextlib
import glob
import http.client
import os
import socket
import ssl
import threading
import urllib.request
from urllib.parse import unquote, urlsplit

import msgspec

from cais.errors import InvalidInput, Problem, Span
from cais.registry.settings import RegistrySettings, is_local
from cais.registry.sockets import connect_within

# What one read of a request's body takes, and one write to the socket: http.client's own 8 KiB cost a tenth of the speed.
_BLOCK_BYTES = 1 << 18


class Origin(msgspec.Struct, frozen=True):
    """A host to speak to, as `host[:port]`, and how."""

    scheme: str
    host: str


class Connections:
    """Connections by origin, safe to use from several threads: each has those it took to itself until it gives them back."""

    def __init__(self, settings: RegistrySettings) -> None:
        self._settings = settings
        self._idle: dict[Origin, list[http.client.HTTPConnection]] = {}
        self._taken: set[http.client.HTTPConnection] = set()
        self._lock = threading.Lock()
        self._trust: dict[tuple[str, bool], ssl.SSLContext] = {}
        self._aborted = False

    def take(self, origin: Origin, *, trusts_anybody: bool, fresh: bool) -> tuple[http.client.HTTPConnection, bool]:
        """A connection, and whether it was used before (so that it may have died meanwhile). It connects at the first request."""
        with self._lock:
            idle = self._idle.get(origin)
            used = bool(idle) and not fresh
            connection = idle.pop() if idle and not fresh else None
        if connection is None:
            connection = self._open(origin, trusts_anybody=trusts_anybody)
        with self._lock:
            if not self._aborted:
                self._taken.add(connection)
                return connection, used
        connection.close()  # it may have been idle until now: nobody else would
        raise ConnectionAbortedError("given up")

    def give_back(self, origin: Origin, connection: http.client.HTTPConnection, *, reusable: bool) -> None:
        """Done with it; one that is not `reusable` is closed."""
        with self._lock:
            self._taken.discard(connection)
            if reusable and not self._aborted:
                self._idle.setdefault(origin, []).append(connection)
                return
        connection.close()

    def abort(self) -> None:
        """Let every thread that waits for one of these hosts fail at once, and nobody begin anew."""
        with self._lock:
            self._aborted = True
            taken = [connection.sock for connection in self._taken if connection.sock is not None]
        for opened in taken:
            with contextlib.suppress(OSError):  # it ended by itself meanwhile
                opened.shutdown(socket.SHUT_RDWR)
        self.close()

    def close(self) -> None:
        """Close those that are idle."""
        with self._lock:
            idle = [connection for each in self._idle.values() for connection in each]
            self._idle.clear()
        for connection in idle:
            connection.close()

    def _open(self, origin: Origin, *, trusts_anybody: bool) -> http.client.HTTPConnection:
        proxy = _proxy_of(origin)
        host = _host_and_port(proxy.host, "http") if proxy else _host_and_port(origin.host, origin.scheme)
        connection: http.client.HTTPConnection
        if origin.scheme == "https":
            trust = self._trust_in(origin.host, trusts_anybody=trusts_anybody)
            connection = http.client.HTTPSConnection(*host, context=trust, blocksize=_BLOCK_BYTES)
            if proxy is not None:
                connection.set_tunnel(*_host_and_port(origin.host, "https"), headers=_login(proxy))
        else:
            connection = http.client.HTTPConnection(*host, blocksize=_BLOCK_BYTES)
        # The one place to bound connecting apart from reading: http.client knows a single time limit for both.
        connection._create_connection = self._connect  # type: ignore[attr-defined]  # noqa: SLF001
        return connection

    def _connect(self, address: tuple[str, int], *_: object) -> socket.socket:
        opened = connect_within(address, self._settings.connect_timeout_s)
        opened.settimeout(self._settings.read_timeout_s)
        return opened

    def _trust_in(self, host: str, *, trusts_anybody: bool) -> ssl.SSLContext:
        with self._lock:
            known = self._trust.get((host, trusts_anybody))
        if known is not None:
            return known
        # The system's trust store, or what SSL_CERT_FILE names.
        trust = ssl.create_default_context()
        if trusts_anybody:
            trust.check_hostname = False
            trust.verify_mode = ssl.CERT_NONE
        if authority := self._settings.of(host).ca:
            _load_authority(trust, authority)
        if self._settings.certificates:
            _load_folder(trust, os.path.join(self._settings.certificates, host))
        with self._lock:
            return self._trust.setdefault((host, trusts_anybody), trust)


def is_proxied(origin: Origin) -> bool:
    """Whether requests to `origin` go through a plain HTTP proxy, and so have to name the host."""
    return origin.scheme == "http" and _proxy_of(origin) is not None


def proxy_login(origin: Origin) -> dict[str, str]:
    """The headers by which the proxy of a plain HTTP request knows us."""
    proxy = _proxy_of(origin) if origin.scheme == "http" else None
    return _login(proxy) if proxy else {}


class _Proxy(msgspec.Struct, frozen=True):
    host: str
    login: str


def _proxy_of(origin: Origin) -> _Proxy | None:
    if is_local(origin.host) or urllib.request.proxy_bypass(origin.host):
        return None
    text = urllib.request.getproxies().get(origin.scheme)
    if not text:
        return None
    parts = urlsplit(text if "://" in text else f"http://{text}")
    user = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else ""
    return _Proxy(parts.netloc.rpartition("@")[2], user)


def _login(proxy: _Proxy) -> dict[str, str]:
    import base64

    return {"Proxy-Authorization": "Basic " + base64.b64encode(proxy.login.encode()).decode()} if proxy.login else {}


def _host_and_port(text: str, scheme: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    return parts.hostname or "", parts.port or (443 if scheme == "https" else 80)


def _load_authority(trust: ssl.SSLContext, path: str) -> None:
    try:
        trust.load_verify_locations(path)
    except (OSError, ssl.SSLError) as error:
        why = getattr(error, "reason", None) or error.strerror or str(error)
        raise InvalidInput([Problem(f"no certificate can be read: {why}", Span(path, 1), "give a PEM file")]) from error


def _load_folder(trust: ssl.SSLContext, folder: str) -> None:
    """What Docker reads in `/etc/docker/certs.d/HOST`: `*.crt` are trusted, `*.cert` with a `*.key` of the same name say who we are."""
    for path in sorted(glob.glob(os.path.join(glob.escape(folder), "*.crt"))):
        _load_authority(trust, path)
    for path in sorted(glob.glob(os.path.join(glob.escape(folder), "*.cert"))):
        try:
            trust.load_cert_chain(path, path.removesuffix(".cert") + ".key")
        except (OSError, ssl.SSLError) as error:
            why = f"its key or itself cannot be read: {error.strerror or error}"
            raise InvalidInput([Problem(f"no client certificate: {why}", Span(path, 1))]) from error
