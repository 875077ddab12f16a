"""What networking decides and records, with a machine that only remembers."""

import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from cais.database import Database
from cais.engine.native.network.kernel import Attachment
from cais.engine.native.network.networking import NativeNetworking
from cais.engine.native.network.plan import Bridge
from cais.engine.native.network.relay import Way
from cais.engine.netdetails import EndpointOptions, IPv6Pool, NetworkOptions
from cais.engine.protocol import EndpointSpec, NetworkSpec, PortSpec, Transport
from cais.errors import Conflict, HostError, NotFoundError, PortInUse, UsageError
from cais.linux.addresses import Subnet
from cais.linux.addresses6 import Subnet6
from cais.locations import Locations

PORTS = (PortSpec(container_port=80),)


class Machine:
    """Kernel, firewall and name server in one: keeps what it was asked to make."""

    def __init__(self) -> None:
        self.bridges: dict[str, Bridge] = {}
        self.endpoints: dict[str, tuple[Attachment, ...]] = {}
        self.gateways: dict[str, tuple[str, ...]] = {}
        self.tables: set[str] = set()
        self.scripts: list[str] = []
        self.files: dict[str, str] = {}
        self.fails = ""

    def occupied(self) -> tuple[Subnet, ...]:
        return (Subnet.parse("10.188.0.0/24"), *(bridge.subnet for bridge in self.bridges.values()))

    def occupied6(self) -> tuple[Subnet6, ...]:
        return ()

    def ensure_bridge(self, bridge: Bridge) -> bool:
        missing = bridge.name not in self.bridges
        self.bridges[bridge.name] = bridge
        return missing

    def has_link(self, name: str) -> bool:
        return name in self.bridges

    def rejoin(self, bridge: Bridge, interfaces: Sequence[str]) -> None:
        assert bridge.name in self.bridges

    def remove_bridge(self, name: str) -> None:
        self.bridges.pop(name, None)

    def ensure_endpoint(
        self, namespace: str, attachments: tuple[Attachment, ...], gateways: tuple[str, ...]
    ) -> tuple[socket.socket, ...]:
        if self.fails == "endpoint":
            raise HostError("no endpoint")
        self.endpoints[namespace] = attachments
        self.gateways[namespace] = gateways
        return ()

    def remove_endpoint(self, namespace: str, interfaces: Sequence[str] = ()) -> None:
        self.endpoints.pop(namespace, None)

    def namespaces(self, folder: str) -> tuple[str, ...]:
        return tuple(self.endpoints)

    def run(self, script: str) -> str:
        self.scripts.append(script)
        table = script.split()[3]
        self.tables.add(table)
        if script.count("\n") == 2 and "delete table" in script:
            self.tables.discard(table)
        return ""

    def list(self, what: str) -> str | None:
        words = what.split()
        return "" if words[2] in self.tables else None

    def publish(self, container_id: str, text: str, sockets: Sequence[socket.socket] = ()) -> None:
        self.files[container_id] = text

    def forget(self, container_id: str) -> None:
        self.files.pop(container_id, None)

    def known(self) -> frozenset[str]:
        return frozenset(self.files)

    def ensure(self) -> bool:
        return False

    def end(self) -> None:
        assert not self.files


class Scene:
    def __init__(self, folder: Path) -> None:
        self.machine = Machine()
        locations = Locations(root=str(folder), run=str(folder / "run"))
        self.networking = NativeNetworking(
            locations,
            Database(locations.database),
            kernel=self.machine,
            packets=self.machine,
            name_server=self.machine,
            subnet_lock=str(folder / "lock"),
        )

    def network(self, name: str, *, internal: bool = False, subnet: str = "") -> None:
        self.networking.ensure_network(NetworkSpec(name=name, project="shop", internal=internal, subnet=subnet))

    def published(self) -> tuple[PortSpec, ...]:
        """What is published, by the rows."""
        return tuple(port for _, port in self.networking._rows.all_ports())


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    made = Scene(tmp_path)
    made.network("front")
    return made


def on(*networks: str, alias: str = "web") -> tuple[EndpointSpec, ...]:
    return tuple(EndpointSpec(network=network, aliases=(alias,)) for network in networks)


def test_networks_get_subnets_of_their_own(scene: Scene) -> None:
    scene.network("back")
    states = scene.networking.networks()
    assert [(state.spec.name, state.subnet, state.gateway) for state in states] == [
        ("back", "10.188.2.0/24", "10.188.2.1"),
        ("front", "10.188.1.0/24", "10.188.1.1"),
    ]
    scene.network("back")
    assert scene.networking.networks() == states


def test_lost_bridge_is_made_again_with_the_same_addresses(scene: Scene) -> None:
    before = dict(scene.machine.bridges)
    scene.machine.bridges.clear()
    scene.network("front")
    assert scene.machine.bridges == before


def test_lost_table_is_made_again_from_the_rows(scene: Scene) -> None:
    port = scene.networking.connect("a" * 64, "a", on("front"), PORTS).ports[0].host_port
    scene.machine.tables.clear()
    scene.machine.scripts.clear()
    scene.network("front")
    (script,) = scene.machine.scripts
    assert f"tcp . {port} : 10.188.1.2 . 80" in script
    assert "10.188.1.0/24" in script


def test_connecting_again_changes_nothing(scene: Scene) -> None:
    first = scene.networking.connect("a" * 64, "a", on("front"), PORTS)
    assert scene.networking.connect("a" * 64, "a", on("front"), PORTS) == first
    assert scene.networking.connect("b" * 64, "b", on("front"), PORTS) != first


def test_connecting_otherwise_replaces(scene: Scene) -> None:
    scene.network("back")
    scene.networking.connect("a" * 64, "a", on("front"), PORTS)
    other = scene.networking.connect("a" * 64, "a", on("back"), ())
    assert (set(other.addresses), other.ports) == ({"back"}, ())


def test_the_way_out_is_the_first_open_network(scene: Scene) -> None:
    scene.network("inside", internal=True)
    both = scene.networking.connect("a" * 64, "a", on("inside", "front"), PORTS)
    assert scene.machine.gateways[both.namespace] == ("10.188.1.1",)
    assert f": {both.addresses['front']} . 80" in scene.machine.scripts[-1]
    assert "forward yes" in scene.machine.files["a" * 64]
    closed = scene.networking.connect("b" * 64, "b", on("inside"), ())
    assert scene.machine.gateways[closed.namespace] == ()
    assert "forward no" in scene.machine.files["b" * 64]


def six(name: str, *, internal: bool = False, subnet: str = "", gateway: str = "") -> NetworkSpec:
    options = NetworkOptions(ipv6=IPv6Pool(subnet=subnet, gateway=gateway))
    return NetworkSpec(name=name, internal=internal, options=options)


def test_ipv6_lies_beside_ipv4(scene: Scene) -> None:
    first = scene.networking.ensure_network(six("six", subnet="fd00:5:0::/64"))
    assert (first.subnet6, first.gateway6) == ("fd00:5::/64", "fd00:5::1")
    scene.networking.ensure_network(six("closed", internal=True))
    scene.network("four")
    fixed = EndpointSpec(network="six", options=EndpointOptions(ipv6_address="fd00:5::0002"))
    web = scene.networking.connect("a" * 64, "a", (*on("closed", "four"), fixed), ())
    assert set(web.addresses6) == {"closed", "six"}
    assert web.addresses6["six"] == "fd00:5::2"
    assert scene.machine.gateways[web.namespace] == (scene.networking.networks()[1].gateway, "fd00:5::1")
    assert "place6 six fd00:5::2" in scene.machine.files["a" * 64]
    other = scene.networking.connect("b" * 64, "b", on("six"), ())
    assert (other.addresses["six"][-2:], other.addresses6) == (".3", {"six": "fd00:5::3"})
    far = EndpointSpec(network="six", ipv4_address=other.addresses["six"][:-1] + "77")
    assert scene.networking.connect("c" * 64, "c", (far,), ()).addresses6 == {"six": "fd00:5::4d"}
    assert scene.networking.connect("a" * 64, "a", (*on("closed", "four"), fixed), ()) == web


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (NetworkSpec(name="six"), "exists with enable_ipv6 true, not false"),
        (six("six", subnet="fd00:6::/64"), "exists with IPv6 subnet fd00:5::/64, not fd00:6::/64"),
        (six("six", gateway="fd00:5::9"), "exists with IPv6 gateway fd00:5::1, not fd00:5::9"),
        (six("other", subnet="fd00:5::/80"), "overlaps fd00:5::/64"),
    ],
)
def test_ipv6_that_is_otherwise_is_refused(scene: Scene, spec: NetworkSpec, message: str) -> None:
    scene.networking.ensure_network(six("six", subnet="fd00:5::/64"))
    with pytest.raises(Conflict, match=message):
        scene.networking.ensure_network(spec)


def test_an_ipv6_address_needs_a_network_with_ipv6(scene: Scene) -> None:
    scene.network("four")
    fixed = EndpointSpec(network="four", options=EndpointOptions(ipv6_address="fd00::2"))
    with pytest.raises(UsageError, match="has no IPv6 for ipv6_address"):
        scene.networking.connect("a" * 64, "a", (fixed,), ())


def test_names_are_aliases_and_the_short_id(scene: Scene) -> None:
    scene.networking.connect("a" * 64, "a", on("front"), ())
    assert "place front 10.188.1.2 web,aaaaaaaaaaaa" in scene.machine.files["a" * 64]
    scene.networking.set_names("a" * 64, {})
    assert scene.machine.files["a" * 64].endswith("place front 10.188.1.2\n")
    scene.networking.set_names("c" * 64, {"front": ("nobody",)})
    assert set(scene.machine.files) == {"a" * 64}


def test_fixed_address_and_mac_hold(scene: Scene) -> None:
    spec = EndpointSpec(network="front", ipv4_address="10.188.1.2", mac_address="02:00:00:00:00:AA")
    scene.networking.connect("a" * 64, "a", (spec,), ())
    (attachment,) = next(iter(scene.machine.endpoints.values()))
    assert (attachment.lease.address, attachment.lease.mac) == ("10.188.1.2", "02:00:00:00:00:aa")
    assert scene.networking.connect("b" * 64, "b", on("front"), ()).addresses == {"front": "10.188.1.3"}
    with pytest.raises(Conflict, match="is taken"):
        scene.networking.connect("c" * 64, "c", (spec,), ())


def test_one_port_one_container(scene: Scene) -> None:
    port = scene.networking.connect("a" * 64, "a", on("front"), PORTS).ports[0]
    with pytest.raises(PortInUse, match=f'port {port.host_port}/tcp is already published by container "web"'):
        scene.networking.connect("b" * 64, "b", on("front"), (port,))
    udp = PortSpec(container_port=80, host_port=port.host_port, protocol=Transport.UDP)
    assert scene.networking.connect("b" * 64, "b", on("front"), (udp,)).ports == (udp,)
    assert set(scene.published()) == {port, udp}


@pytest.mark.parametrize(
    ("endpoints", "error"),
    [
        (on("nowhere"), NotFoundError),
        (on("front", alias="two words"), UsageError),
        (on("front", alias="a,b"), UsageError),
        ((EndpointSpec(network="front", ipv4_address="10.0.0.1"),), UsageError),
    ],
)
def test_refused_connection_leaves_nothing(
    scene: Scene, endpoints: tuple[EndpointSpec, ...], error: type[Exception]
) -> None:
    with pytest.raises(error):
        scene.networking.connect("a" * 64, "a", endpoints, PORTS)
    assert scene.published() == ()
    assert scene.machine.endpoints == {}


def test_failed_connection_leaves_nothing(scene: Scene) -> None:
    scene.machine.fails = "endpoint"
    with pytest.raises(HostError, match="no endpoint"):
        scene.networking.connect("a" * 64, "a", on("front"), PORTS)
    assert scene.published() == ()
    scene.networking.remove_network("front")
    assert scene.machine.tables == set()


def test_network_in_use_is_not_removed(scene: Scene) -> None:
    scene.networking.connect("a" * 64, "a", on("front"), ())
    with pytest.raises(Conflict, match='network "front" is in use by "web"'):
        scene.networking.remove_network("front")
    scene.networking.disconnect("a" * 64)
    scene.networking.remove_network("front")
    scene.networking.remove_network("front")
    assert scene.machine.bridges == {}


def test_network_that_is_otherwise_is_refused(scene: Scene) -> None:
    with pytest.raises(Conflict, match="exists with internal false, not true"):
        scene.network("front", internal=True)
    with pytest.raises(Conflict, match=r"exists with subnet 10\.188\.1\.0/24, not 10\.9\.0\.0/24"):
        scene.network("front", subnet="10.9.0.0/24")
    with pytest.raises(UsageError, match='"no name" cannot be a name'):
        scene.network("no name")


def test_repair_keeps_the_living_and_says_what_it_did(scene: Scene) -> None:
    for letter in "abc":
        scene.networking.connect(letter * 64, letter, on("front"), PORTS)
    scene.machine.endpoints["/run/stray"] = ()
    scene.machine.files["d" * 64] = ""
    done = scene.networking.repair(frozenset({"a" * 64}))
    assert len(done) == 4
    assert set(scene.machine.files) == {"a" * 64}
    assert len(scene.machine.endpoints) == 1
    assert scene.networking.repair(frozenset({"a" * 64})) == ()
    assert len(scene.published()) == 1


def test_where_ports_are_reached_by_ipv6(scene: Scene) -> None:
    """Those published on all addresses, and at an IPv6 address; the kernel's rules know nothing of the latter."""
    ports = (
        PortSpec(container_port=80, host_port=28801),
        PortSpec(container_port=81, host_port=28802, host_ip="127.0.0.1"),
        PortSpec(container_port=82, host_port=28803, host_ip="::1", protocol=Transport.UDP),
    )
    web = scene.networking.connect("a" * 64, "a", on("front"), ports)
    address = web.addresses["front"]
    assert set(scene.networking.ways([("a" * 64, web.ports), ("b" * 64, ports)])) == {
        Way("::", 28801, Transport.TCP, address, 80),
        Way("::1", 28803, Transport.UDP, address, 82),
    }
    assert not any("28803" in script for script in scene.machine.scripts)
    with pytest.raises(PortInUse, match="already published"):
        scene.networking.connect(
            "c" * 64, "c", on("front"), (PortSpec(container_port=1, host_port=28801, host_ip="::1"),)
        )
    with pytest.raises(UsageError, match="is no IP address"):
        scene.networking.connect("c" * 64, "c", on("front"), (PortSpec(container_port=1, host_ip="::x"),))
