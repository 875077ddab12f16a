"""Options of networks and of places on them, in the kernel."""

import subprocess
from pathlib import Path

import pytest
from tests.e2e.network.lab import Lab, ask, container_id, resolve, within

from cais.engine.native.netprotocol import Endpoint
from cais.engine.netdetails import EndpointOptions, NetworkOptions
from cais.engine.protocol import EndpointSpec, NetworkSpec, NetworkState, PortSpec
from cais.errors import Conflict, HostError, UsageError

pytestmark = pytest.mark.root


def network(lab: Lab, name: str, *, subnet: str = "", internal: bool = False, **options: object) -> NetworkState:
    ip_range, reserved = str(options.pop("ip_range", "")), options.pop("reserved", {})
    spec = NetworkSpec(
        name=name,
        project="lab",
        subnet=subnet,
        internal=internal,
        ip_range=ip_range,
        reserved=reserved,  # type: ignore[arg-type]
        options=NetworkOptions(**options),  # type: ignore[arg-type]
    )
    state = lab.networking.ensure_network(spec)
    lab.interfaces.add(state.bridge)
    return state


def place(network: str, name: str = "web", address: str = "", **options: object) -> EndpointSpec:
    return EndpointSpec(
        network=network,
        aliases=(name,),
        ipv4_address=address,
        options=EndpointOptions(**options),  # type: ignore[arg-type]
    )


def connect(lab: Lab, name: str, *places: EndpointSpec, ports: tuple[PortSpec, ...] = ()) -> Endpoint:
    lab.interfaces.update(lab.interface(name, one.network) for one in places)
    return lab.networking.connect(container_id(name), name, places, ports)


def inside(endpoint: Endpoint, *argv: str) -> str:
    def work() -> str:
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout

    return within(endpoint.namespace, work)


def interfaces(endpoint: Endpoint) -> list[str]:
    return sorted(
        line.split()[1].rstrip(":").partition("@")[0] for line in inside(endpoint, "ip", "-o", "link").splitlines()
    )


def test_names_of_interfaces(lab: Lab) -> None:
    network(lab, "one", interface_prefix="net")
    network(lab, "two")
    web = connect(lab, "web", place("one"), place("two"))
    other = connect(lab, "other", place("one", interface="front"), place("two", interface="back"))
    assert interfaces(web) == ["eth1", "lo", "net0"]
    assert interfaces(other) == ["back", "front", "lo"]
    with pytest.raises(UsageError, match='both be "same"'):
        connect(lab, "twice", place("one", interface="same"), place("two", interface="same"))
    for bad in ("lo", "a/b", "sixteen-letters-", ".."):
        with pytest.raises(UsageError, match="cannot be the name of an interface"):
            connect(lab, "bad", place("one", interface=bad))


def test_a_bridge_by_name_and_its_mtu(lab: Lab) -> None:
    state = network(lab, "named", bridge="cais-opt-t0", mtu=1300)
    assert state.bridge == "cais-opt-t0"
    web = connect(lab, "web", place("named"))
    assert "mtu 1300" in inside(web, "ip", "-o", "link", "show", "eth0")
    assert Path("/sys/class/net/cais-opt-t0/mtu").read_text() == "1300\n"
    with pytest.raises(Conflict, match="an interface of that name is there"):
        network(lab, "other", bridge="cais-opt-t0")
    with pytest.raises(Conflict, match="an interface of that name is there"):
        network(lab, "other", bridge="lo")


def _bridges_are_filtered() -> bool:
    setting = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    return setting.exists() and setting.read_text() == "1\n"


def test_containers_that_do_not_talk(lab: Lab) -> None:
    """To each other: the host and whoever is published are reached all the same."""
    state = network(lab, "silent", talks=False)
    web = connect(lab, "web", place("silent"), ports=(PortSpec(container_port=80),))
    asker = connect(lab, "asker", place("silent", "asker"))
    lab.serve(web.namespace, 80, "web")
    lab.serve(None, 28431, "host")
    assert ask(asker.namespace, web.addresses["silent"], 80, timeout_s=0.5) == ""
    assert ask(asker.namespace, state.gateway, 28431) == "host"
    if not _bridges_are_filtered():  # else the frame goes from port to port, which is what is closed
        assert ask(asker.namespace, state.gateway, web.ports[0].host_port) == "web"
    assert ask(None, web.addresses["silent"], 80) == "web"


def test_addresses_come_from_the_range_and_are_not_reserved(lab: Lab) -> None:
    network(lab, "range", subnet="10.213.7.0/24", ip_range="10.213.7.64/30", reserved={"router": "10.213.7.65"})
    given = [connect(lab, f"c{number}", place("range", f"c{number}")).addresses["range"] for number in range(3)]
    assert given == ["10.213.7.64", "10.213.7.66", "10.213.7.67"]
    with pytest.raises(HostError, match=r"10\.213\.7\.64/30 has no free address"):
        connect(lab, "c4", place("range", "c4"))
    assert connect(lab, "fixed", place("range", "fixed", "10.213.7.9")).addresses["range"] == "10.213.7.9"
    with pytest.raises(Conflict, match="is taken"):
        connect(lab, "router", place("range", "router", "10.213.7.65"))
    for wrong in ({"ip_range": "10.213.9.0/24"}, {"ip_range": "x"}, {"reserved": {"a": "10.1.1.1"}}):
        with pytest.raises(UsageError):
            network(lab, "wrong", subnet="10.213.8.0/24", **wrong)
    assert [state.spec.name for state in lab.networking.networks()] == ["range"]


def test_who_has_the_default_route(lab: Lab) -> None:
    first, second = network(lab, "first"), network(lab, "second")
    network(lab, "closed", internal=True)
    by_order = connect(lab, "a", place("closed", "a"), place("first", "a"), place("second", "a"))
    by_priority = connect(
        lab,
        "b",
        place("first", "b"),
        place("second", "b", gateway_priority=1),
        place("closed", "b", gateway_priority=9),
    )
    assert f"default via {first.gateway}" in inside(by_order, "ip", "route")
    assert f"default via {second.gateway}" in inside(by_priority, "ip", "route")


def test_published_where_the_network_says(lab: Lab) -> None:
    network(lab, "bound", host_binding="127.0.0.1")
    wanted = (PortSpec(container_port=80), PortSpec(container_port=81, host_ip="0.0.0.0"))
    web = connect(lab, "web", place("bound"), ports=wanted)
    assert {port.container_port: port.host_ip for port in web.ports} == {80: "127.0.0.1", 81: ""}
    # The same again is the same endpoint.
    assert connect(lab, "web", place("bound"), ports=wanted) == web


def test_link_local_addresses_and_settings(lab: Lab) -> None:
    network(lab, "more")
    web = connect(
        lab,
        "web",
        place("more", link_local=("169.254.3.4",), sysctls={"net.ipv4.conf.IFNAME.log_martians": "1"}),
    )
    assert "inet 169.254.3.4/16 scope link eth0" in inside(web, "ip", "-o", "address")
    assert inside(web, "cat", "/proc/sys/net/ipv4/conf/eth0/log_martians") == "1\n"
    with pytest.raises(UsageError, match="not a link-local address"):
        connect(lab, "other", place("more", "other", link_local=("10.1.1.1",)))
    for key in ("net.ipv4.ip_forward", "kernel.panic", "net.ipv4.conf.IFNAME.nothing"):
        with pytest.raises(HostError):
            connect(lab, "other", place("more", "other", sysctls={key: "1"}))
    assert container_id("other") not in lab.networking._rows.endpoints()


def test_without_masquerading(lab: Lab) -> None:
    """What leaves the host keeps its address."""
    network(lab, "plain", masquerades=False, subnet="10.213.11.0/24")
    network(lab, "usual", subnet="10.213.12.0/24")
    table = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout
    outward = [part.partition("}\n")[0] for part in table.split("set outward")[1:]]
    assert any("10.213.12.0/24" in part for part in outward)
    assert not any("10.213.11.0/24" in part for part in outward)


def test_a_link_is_known_to_one_container_only(lab: Lab) -> None:
    network(lab, "linked")
    db = connect(lab, "db", place("linked", "db"))
    web = connect(lab, "web", place("linked", links=(("database", "db"), ("db2", "nobody"))))
    other = connect(lab, "other", place("linked", "other"))
    address = (db.addresses["linked"],)
    assert resolve(web.namespace, "database") == (0, address)
    assert resolve(web.namespace, "db") == (0, address)
    assert resolve(other.namespace, "db") == (0, address)
    assert resolve(other.namespace, "database")[1] == ()
    assert resolve(web.namespace, "db2")[1] == ()


def test_an_endpoint_that_should_be_otherwise_is_made_anew(lab: Lab) -> None:
    network(lab, "again")
    connect(lab, "web", place("again"))
    web = connect(lab, "web", place("again", interface="new0"))
    assert interfaces(web) == ["lo", "new0"]
