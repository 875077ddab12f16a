"""Who reaches whom."""

import shutil
import socket
import subprocess

import pytest
from tests.e2e.network.lab import Lab, ask

from cais.engine.native.network import rules
from cais.engine.protocol import PortSpec, Transport
from cais.linux import netns
from cais.linux.nft import Nftables

pytestmark = pytest.mark.root


def host_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("203.0.113.1", 9))
        return str(probe.getsockname()[0])


def test_neighbours_reach_each_other_by_address(lab: Lab) -> None:
    lab.network("reach")
    web, db = lab.connect("web", "reach"), lab.connect("db", "reach")
    lab.serve(db.namespace, 5432, "db")
    assert ask(web.namespace, db.addresses["reach"], 5432) == "db"


def test_published_port_is_reached_from_everywhere(lab: Lab) -> None:
    state = lab.network("reach")
    lab.network("other")
    web = lab.connect("web", "reach", ports=(PortSpec(container_port=80),))
    neighbour, stranger = lab.connect("neighbour", "reach"), lab.connect("stranger", "other")
    lab.serve(web.namespace, 80, "web")
    port = web.ports[0].host_port
    assert port > 1023
    for address in ("127.0.0.1", host_address(), state.gateway):
        assert ask(None, address, port) == "web", f"from the host by {address}"
    for namespace in (neighbour.namespace, stranger.namespace, web.namespace):
        assert ask(namespace, host_address(), port) == "web"


def test_host_address_is_honoured(lab: Lab) -> None:
    lab.network("reach")
    web = lab.connect("web", "reach", ports=(PortSpec(container_port=80, host_ip="127.0.0.1"),))
    lab.serve(web.namespace, 80, "web")
    assert ask(None, "127.0.0.1", web.ports[0].host_port) == "web"
    assert ask(None, host_address(), web.ports[0].host_port) == ""


def test_udp_is_published(lab: Lab) -> None:
    lab.network("reach")
    dns = lab.connect("dns", "reach", ports=(PortSpec(container_port=53, protocol=Transport.UDP),))
    lab.serve(dns.namespace, 53, "udp", socket.SOCK_DGRAM)
    assert ask(None, "127.0.0.1", dns.ports[0].host_port, socket.SOCK_DGRAM) == "udp"
    assert ask(None, host_address(), dns.ports[0].host_port, socket.SOCK_DGRAM) == "udp"


def test_networks_are_closed_to_each_other(lab: Lab) -> None:
    lab.network("front")
    lab.network("back")
    web, db, both = lab.connect("web", "front"), lab.connect("db", "back"), lab.connect("both", "front", "back")
    lab.serve(db.namespace, 5432, "db")
    assert ask(web.namespace, db.addresses["back"], 5432, timeout_s=0.3) == ""
    assert ask(both.namespace, db.addresses["back"], 5432) == "db"


def test_internal_network_is_closed_both_ways(lab: Lab) -> None:
    lab.network("inside", internal=True)
    lab.network("open")
    secret, neighbour, outsider = (
        lab.connect("secret", "inside"),
        lab.connect("neighbour", "inside"),
        lab.connect("outsider", "open"),
    )
    lab.serve(secret.namespace, 80, "secret")
    lab.serve(outsider.namespace, 80, "outsider")
    assert ask(neighbour.namespace, secret.addresses["inside"], 80) == "secret"
    assert ask(outsider.namespace, secret.addresses["inside"], 80, timeout_s=0.3) == ""
    assert ask(secret.namespace, outsider.addresses["open"], 80, timeout_s=0.3) == ""


def test_the_way_out_is_masqueraded(lab: Lab) -> None:
    """The host stands for the world: it sees its own address, not the container's, when asked by way of another interface's address."""
    lab.network("reach")
    web = lab.connect("web", "reach")
    lab.serve(None, 18765, "host")
    assert ask(web.namespace, host_address(), 18765) == "host"


def test_containers_do_not_reach_the_hosts_loopback(lab: Lab) -> None:
    """What an attacker would do: route 127.0.0.1 out of the interface to the bridge, which has route_localnet."""
    state = lab.network("reach")
    web = lab.connect("web", "reach")
    lab.serve(None, 18766, "host")
    attack = f"""
ip addr del 127.0.0.1/8 dev lo; ip route del local 127.0.0.0/8 dev lo table local 2>/dev/null
echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet
ip route add 127.0.0.1/32 via {state.gateway} dev eth0 src {web.addresses["reach"]}
"""
    netns.inside(web.namespace, lambda: subprocess.run(["sh", "-c", attack], check=False, capture_output=True))
    assert ask(web.namespace, state.gateway, 18766) == "host"
    assert ask(web.namespace, "127.0.0.1", 18766, timeout_s=0.3) == ""
    nft = Nftables()
    name = lab.networking._firewall._table
    assert nft.run(f"flush chain ip {name} guard") == ""
    assert ask(web.namespace, "127.0.0.1", 18766) == "host", (
        "without the guard the attack works: the test tests something"
    )


def test_rules_come_back_after_a_flush(lab: Lab) -> None:
    lab.network("reach")
    web = lab.connect("web", "reach", ports=(PortSpec(container_port=80),))
    lab.serve(web.namespace, 80, "web")
    Nftables().run(rules.delete(lab.networking._firewall._table))
    assert ask(None, "127.0.0.1", web.ports[0].host_port, timeout_s=0.3) == ""
    lab.network("reach")
    assert ask(None, "127.0.0.1", web.ports[0].host_port) == "web"


def test_forwarding_opens_beside_a_closed_forward_chain(lab: Lab) -> None:
    """What Docker does to a machine: FORWARD drops what it does not know."""
    if shutil.which("iptables") is None:
        pytest.skip("iptables is not installed")
    nft = Nftables()
    if nft.list("table ip filter") is not None:
        pytest.skip("this machine has an iptables filter table: left alone")
    assert (
        nft.run(
            "add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }"
        )
        == ""
    )
    try:
        lab.network("reach")
        web = lab.connect("web", "reach", ports=(PortSpec(container_port=80),))
        neighbour = lab.connect("neighbour", "reach")
        lab.serve(web.namespace, 80, "web")
        assert ask(neighbour.namespace, web.addresses["reach"], 80) == "web"
        assert ask(neighbour.namespace, host_address(), web.ports[0].host_port) == "web"
        lab.close()
        assert "cais-" not in (nft.list("table ip filter") or "")
    finally:
        nft.run("delete table ip filter")
