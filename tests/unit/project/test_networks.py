from __future__ import annotations

import msgspec
import pytest

from cais.compose.model.project import Project
from cais.compose.model.resources import IpamPool, Network
from cais.compose.model.service import Service, ServiceNetwork
from cais.engine.netdetails import EndpointOptions, NetworkOptions
from cais.errors import CaisError
from cais.project import networks
from tests.unit.project.projects import project, service

DOCKER = "com.docker.network."


def shop(*services: Service, **external: str) -> Project:
    """A project whose networks `external` are somebody else's, by key and name."""
    made = project(*services)
    theirs = {key: Network(key=key, name=name, external=True) for key, name in external.items()}
    return msgspec.structs.replace(made, networks={**made.networks, **theirs})


def test_docker_s_options_of_a_bridge() -> None:
    given = {
        "bridge.name": "br-x",
        "driver.mtu": "1400",
        "bridge.enable_icc": "false",
        "bridge.enable_ip_masquerade": "0",
        "bridge.host_binding_ipv4": "127.0.0.1",
        "container_iface_prefix": "net",
    }
    network = Network(
        key="n",
        name="n",
        driver_opts={DOCKER + name: value for name, value in given.items()},
        ipam=(IpamPool(subnet="10.1.0.0/16", ip_range="10.1.2.0/24", aux_addresses={"a": "10.1.2.3"}),),
    )
    spec = networks.network_spec(project(), network)
    assert spec.options == NetworkOptions(
        bridge="br-x", mtu=1400, talks=False, masquerades=False, host_binding="127.0.0.1", interface_prefix="net"
    )
    assert (spec.subnet, spec.ip_range, spec.reserved) == ("10.1.0.0/16", "10.1.2.0/24", {"a": "10.1.2.3"})
    assert networks.network_spec(project(), Network(key="n", name="n")).options == NetworkOptions()


@pytest.mark.parametrize(("name", "value"), [("driver.mtu", "big"), ("bridge.enable_icc", "perhaps")])
def test_an_option_that_means_nothing(name: str, value: str) -> None:
    with pytest.raises(CaisError, match=name):
        networks.network_spec(project(), Network(key="n", name="n", driver_opts={DOCKER + name: value}))


def test_a_place_on_a_network() -> None:
    place = ServiceNetwork(
        aliases=("a",),
        interface_name="in0",
        gw_priority=3,
        link_local_ips=("169.254.1.2",),
        driver_opts={DOCKER + "endpoint.sysctls": "net.ipv4.conf.IFNAME.forwarding=1,net.ipv4.conf.IFNAME.x=2"},
        use_service_name_alias=False,
    )
    web = service("web", networks={"default": place}, links=("db", "db:d"), external_links=("far:f",))
    (made,) = networks.endpoint_specs(shop(web, service("db")), web, "shop-web-1")
    assert made.aliases == ("shop-web-1", "a")
    assert made.options == EndpointOptions(
        links=(("db", "db"), ("d", "db"), ("f", "far")),
        link_local=("169.254.1.2",),
        interface="in0",
        gateway_priority=3,
        sysctls={"net.ipv4.conf.IFNAME.forwarding": "1", "net.ipv4.conf.IFNAME.x": "2"},
    )


def test_the_service_s_hardware_address_is_for_its_first_network() -> None:
    places = {"default": ServiceNetwork(), "other": ServiceNetwork(priority=5)}
    web = service("web", networks=places, mac_address="02:00:00:00:00:01")
    made = networks.endpoint_specs(shop(web, other="other"), web, "w")
    assert [(one.network, one.mac_address) for one in made] == [("other", "02:00:00:00:00:01"), ("shop_default", "")]


@pytest.mark.parametrize("name", ["host", "none", "bridge"])
def test_a_predefined_network_is_a_network_mode(name: str) -> None:
    web = service("web", networks={"it": ServiceNetwork()}, links=("db",))
    whole = shop(web, service("db"), it=name)
    assert networks.network_mode(whole, web) == name
    assert networks.endpoint_specs(whole, web, "w") == ()
    assert networks.host_links(whole, web) == ((("db", "shop-db-1"),) if name == "bridge" else ())
    both = service("web", networks={"it": ServiceNetwork(), "default": ServiceNetwork()})
    with pytest.raises(CaisError, match="and on others"):
        networks.endpoint_specs(shop(both, it=name), both, "w")
