"""Networks with IPv6, in the kernel."""

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.network.lab import Lab, ask, container_id, converse, query_bytes, within

from cais.engine.native.netprotocol import Endpoint
from cais.engine.native.network import rules6
from cais.engine.netdetails import EndpointOptions, IPv6Pool, NetworkOptions
from cais.engine.protocol import EndpointSpec, NetworkSpec, NetworkState
from cais.linux.nft import Nftables

pytestmark = pytest.mark.root

AAAA = 28
HOST, BEYOND = "fd00:cafe:1::1", "fd00:cafe:1::2"


def network(
    lab: Lab, name: str, subnet: str = "", *, ip_range: str = "", internal: bool = False, **options: bool
) -> NetworkState:
    with_ipv6 = NetworkOptions(ipv6=IPv6Pool(subnet=subnet, ip_range=ip_range), **options)  # type: ignore[arg-type]
    state = lab.networking.ensure_network(NetworkSpec(name=name, internal=internal, options=with_ipv6))
    lab.interfaces.add(state.bridge)
    return state


def connect(lab: Lab, name: str, *networks: str, address: str = "") -> Endpoint:
    places = tuple(
        EndpointSpec(network=it, aliases=(name,), options=EndpointOptions(ipv6_address=address)) for it in networks
    )
    lab.interfaces.update(lab.interface(name, it) for it in networks)
    return lab.networking.connect(container_id(name), name, places, ())


def serve(lab: Lab, endpoint: Endpoint, text: str) -> None:
    lab.serve(endpoint.namespace, 80, text, family=socket.AF_INET6)


def is_answered(endpoint: Endpoint, name: str, address: str) -> bool:
    """Whether the answer to a question for AAAA holds the address."""

    def work() -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(2)
            client.connect(("127.0.0.11", 53))
            client.send(query_bytes(name, AAAA))
            return client.recv(4096)

    return socket.inet_pton(socket.AF_INET6, address) in within(endpoint.namespace, work)


@pytest.fixture
def beyond(lab: Lab) -> Iterator[Endpoint]:
    """A machine on the host's other side, which knows the way to the host alone."""
    outside = lab.networking.isolate(container_id("beyond"))
    try:
        ip("link", "add", "cais6-out", "type", "veth", "peer", "name", "cais6-in", "netns", outside.namespace)
        switch_on("cais6-out", HOST)
        within(outside.namespace, lambda: switch_on("cais6-in", BEYOND))
        serve(lab, outside, "beyond")
        yield outside
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):  # it was not made
            ip("link", "delete", "cais6-out")


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def switch_on(interface: str, address: str) -> None:
    """With both its addresses good at once: who forwards asks for neighbours from the link-local one."""
    for name in ("disable_ipv6", "accept_dad"):
        Path(f"/proc/sys/net/ipv6/conf/{interface}/{name}").write_text("0")
    ip("-6", "address", "add", f"{address}/64", "dev", interface, "nodad")
    ip("link", "set", interface, "up")


def test_neighbours_reach_each_other_by_address_and_name(lab: Lab) -> None:
    network(lab, "six", "fd00:cafe:2::/64", ip_range="fd00:cafe:2::100/120")
    web = connect(lab, "web", "six", address="fd00:cafe:2::5")
    db = connect(lab, "db", "six")
    assert web.addresses6 == {"six": "fd00:cafe:2::5"}
    assert db.addresses6 == {"six": "fd00:cafe:2::100"}
    serve(lab, db, "db")
    assert converse(web.namespace, "fd00:cafe:2::100", 80) == "db fd00:cafe:2::5"
    assert ask(None, "fd00:cafe:2::100", 80) == "db"
    assert is_answered(web, "db", "fd00:cafe:2::100")
    assert set(db.addresses) == {"six"}


def test_the_way_out_is_under_the_hosts_address(lab: Lab, beyond: Endpoint) -> None:
    state = network(lab, "six")
    assert state.subnet6.startswith("fd")
    web = connect(lab, "web", "six")
    assert converse(web.namespace, BEYOND, 80) == f"beyond {HOST}"
    serve(lab, web, "web")
    within(beyond.namespace, lambda: ip("-6", "route", "add", state.subnet6, "via", HOST))
    assert ask(beyond.namespace, web.addresses6["six"], 80, timeout_s=0.5) == ""


def test_without_masquerading_addresses_are_seen_as_they_are(lab: Lab, beyond: Endpoint) -> None:
    state = network(lab, "plain", masquerades=False)
    web = connect(lab, "web", "plain")
    within(beyond.namespace, lambda: ip("-6", "route", "add", state.subnet6, "via", HOST))
    assert converse(web.namespace, BEYOND, 80) == f"beyond {web.addresses6['plain']}"


def test_networks_are_closed_to_each_other_and_internal_ones_to_all(lab: Lab, beyond: Endpoint) -> None:
    network(lab, "one")
    network(lab, "two")
    network(lab, "closed", internal=True)
    web, db = connect(lab, "web", "one"), connect(lab, "db", "two")
    inner, other = connect(lab, "inner", "closed"), connect(lab, "other", "closed")
    for endpoint, text in ((web, "web"), (db, "db"), (inner, "inner"), (other, "other")):
        serve(lab, endpoint, text)
    assert ask(web.namespace, db.addresses6["two"], 80, timeout_s=0.5) == ""
    assert ask(inner.namespace, BEYOND, 80, timeout_s=0.5) == ""
    assert ask(web.namespace, inner.addresses6["closed"], 80, timeout_s=0.5) == ""
    assert ask(other.namespace, inner.addresses6["closed"], 80) == "inner"


def test_containers_that_must_not_talk_do_not(lab: Lab) -> None:
    network(lab, "apart", talks=False)
    web, db = connect(lab, "web", "apart"), connect(lab, "db", "apart")
    serve(lab, db, "db")
    assert ask(web.namespace, db.addresses6["apart"], 80, timeout_s=0.5) == ""


def test_a_network_without_ipv6_has_none(lab: Lab) -> None:
    lab.network("four")
    network(lab, "six")
    four, both = connect(lab, "web", "four"), connect(lab, "both", "four", "six")
    assert four.addresses6 == {}
    assert set(both.addresses6) == {"six"}

    def addresses() -> str:
        return subprocess.run(["ip", "-6", "-o", "address"], check=True, capture_output=True, text=True).stdout

    assert "eth0" not in within(four.namespace, addresses)
    seen = within(both.namespace, addresses)
    assert "eth0" not in seen
    assert both.addresses6["six"] in seen


def test_the_table_comes_and_goes_with_the_network(lab: Lab) -> None:
    packets = Nftables()
    state = network(lab, "six")
    table = f"table ip6 {rules6.table_of(lab.networking._firewall._table, state.bridge)}"
    assert packets.list(table) is not None
    packets.run(f"delete {table}\n")
    network(lab, "six")
    assert packets.list(table) is not None
    lab.networking.remove_network("six")
    assert packets.list(table) is None
