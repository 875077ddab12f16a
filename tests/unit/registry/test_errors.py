from __future__ import annotations

import errno
import http.client
import socket
import ssl

import pytest

from cais.registry.errors import NotInRegistry, RegistryUnreachable, refused, unreachable
from cais.registry.settings import HostSettings, RegistrySettings, endpoints


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
    mirrors = ("mirror.example:5000", "http://plain.example", "https://harbor.example/hub/")
    hosts = {"docker.io": HostSettings(mirrors=mirrors), "mirror.example:5000": HostSettings(insecure=True)}
    settings = RegistrySettings(hosts=hosts)
    shown = [(each.scheme, each.host, each.prefix, each.registry) for each in endpoints("docker.io", settings)]
    assert shown == [
        ("", "mirror.example:5000", "", "mirror.example:5000"),
        ("http", "plain.example", "", "plain.example"),
        ("https", "harbor.example", "hub", "harbor.example"),
        ("https", "registry-1.docker.io", "", "docker.io"),
    ]


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:5000", "127.0.0.1:5000", "127.1.2.3", "[::1]:5000", "[::1]", "known:5000"]
)
def test_of_whom_tls_is_not_demanded(host: str) -> None:
    settings = RegistrySettings(hosts={"known:5000": HostSettings(insecure=True)})
    endpoint = endpoints(host, settings)[0]
    assert (endpoint.scheme, endpoint.trusts_anybody) == ("", True)
    vouched = RegistrySettings(hosts={host: HostSettings(ca="/ca.pem")})
    assert endpoints(host, vouched)[0].scheme == "https"


@pytest.mark.parametrize("host", ["localhost.example", "ghcr.io", "10.0.0.1:5000", "registry.127.0.0.1.example"])
def test_of_all_others_it_is(host: str) -> None:
    endpoint = endpoints(host, RegistrySettings())[0]
    assert (endpoint.scheme, endpoint.trusts_anybody) == ("https", False)
