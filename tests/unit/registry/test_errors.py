from __future__ import annotations

import errno
import http.client
import socket
import ssl

import pytest

from cais.registry.errors import NotInRegistry, RegistryUnreachable, refused, unreachable
from cais.registry.settings import RegistrySettings, endpoints


def untrusted() -> ssl.SSLError:
    error = ssl.SSLCertVerificationError(1, "failed")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (socket.gaierror(-2, "Name or service not known"), "cannot be found", "DNS"),
        (untrusted(), "not trusted: self-signed certificate", "SSL_CERT_FILE"),
        (ssl.SSLError(1, "WRONG_VERSION_NUMBER"), "does not speak TLS", "insecure"),
        (TimeoutError("timed out"), "does not answer", "network"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "refuses the connection", "port"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "cannot be reached", "no network"),
        (http.client.BadStatusLine("x"), "failed", "try again"),
    ],
)
def test_each_way_to_fail_has_its_words(error: BaseException, message: str, hint: str) -> None:
    told = unreachable("r.example", error)
    assert isinstance(told, RegistryUnreachable)
    assert message in told.message
    assert hint in (told.hint or "")


@pytest.mark.parametrize("status", [401, 403, 404])
def test_no_such_image(status: int) -> None:
    assert isinstance(refused("r.example", '"x:1"', status, "NAME_UNKNOWN"), NotInRegistry)
    assert not isinstance(refused("r.example", '"x:1"', 429, ""), NotInRegistry)


def test_endpoints() -> None:
    settings = RegistrySettings(mirrors={"docker.io": ("mirror.example:5000",)}, insecure=("mirror.example:5000",))
    shown = [(each.scheme, each.host, each.registry) for each in endpoints("docker.io", settings)]
    assert shown == [
        ("http", "mirror.example:5000", "mirror.example:5000"),
        ("https", "registry-1.docker.io", "docker.io"),
    ]
    for host in ("localhost", "localhost:5000", "127.0.0.1:5000", "127.1.2.3", "[::1]:5000", "[::1]"):
        assert endpoints(host, settings)[0].scheme == "http"
    for host in ("localhost.example", "ghcr.io", "10.0.0.1:5000"):
        assert endpoints(host, settings)[0].scheme == "https"
