from __future__ import annotations

import pytest

from cais.engine.native.etcfiles import extra_lines, hosts, own_names, resolver, search_of


def test_hosts_have_the_loopback_the_own_and_the_extra_names() -> None:
    text = hosts(
        (("10.0.0.2", "web.example web"),), (("gate", "host-gateway"), ("six", "[fd00::1]")), gateway="10.0.0.1"
    )
    assert text.startswith("127.0.0.1\tlocalhost\n::1\tlocalhost")
    assert text.endswith("10.0.0.2\tweb.example web\n10.0.0.1\tgate\nfd00::1\tsix\n")
    assert extra_lines((), gateway="") == ""


def test_resolver() -> None:
    assert resolver(("10.0.0.1",), ("a.b",), ("ndots:0",)) == "nameserver 10.0.0.1\nsearch a.b\noptions ndots:0\n"
    assert resolver(("10.0.0.1",)) == "nameserver 10.0.0.1\n"


def test_search_domains_of_the_host() -> None:
    assert search_of("domain x\nnameserver 1\nsearch a b # c\n")[:2] == ("a", "b")
    assert search_of("") == ()


@pytest.mark.parametrize(
    ("hostname", "domainname", "names"),
    [
        ("ship", "", "ship"),
        ("ship", "example.org", "ship.example.org ship"),
        ("ship.example.org", "", "ship.example.org ship"),
    ],
)
def test_a_container_s_own_names(hostname: str, domainname: str, names: str) -> None:
    assert own_names(hostname, domainname) == names
