"""A service's places on networks, and the networks themselves, as an engine is asked for them. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cais.compose.model.project import Project
from cais.compose.model.resources import IpamPool, Network
from cais.compose.model.service import Service, ServiceNetwork
from cais.engine.netdetails import EndpointOptions, IPv6Pool, NetworkOptions
from cais.engine.protocol import EndpointSpec, NetworkSpec
from cais.errors import CaisError
from cais.project import names
from cais.project.confighash import config_hash

PREDEFINED = frozenset({"host", "none", "bridge"})
"""Networks that are always there: a service on one of them (declared as external) has that as its network mode, as in Docker."""

_TRUE, _FALSE = frozenset({"1", "t", "true"}), frozenset({"0", "f", "false"})


def network_spec(project: Project, network: Network) -> NetworkSpec:
    """The engine's network for a key of `networks`. Raises CaisError for an option's value that has no meaning."""
    pool = next((pool for pool in network.ipam if ":" not in pool.subnet), None)
    spec = NetworkSpec(
        name=network.name,
        project=project.name,
        labels={**network.labels, names.PROJECT: project.name, names.NETWORK: network.key},
        internal=network.internal,
        subnet=pool.subnet if pool else "",
        gateway=pool.gateway if pool else "",
        ip_range=pool.ip_range if pool else "",
        reserved=pool.aux_addresses if pool else {},
        options=_options(network),
    )
    return msgspec.structs.replace(spec, config_hash=config_hash(msgspec.json.encode(spec, order="sorted").decode()))


def is_predefined(network: Network) -> bool:
    """Whether the network is one that is always there."""
    return network.external and network.name in PREDEFINED


def network_mode(project: Project, service: Service) -> str:
    """What the engine's `network_mode` is: "bridge" also for a service on networks of its own."""
    mode = names.namespace_mode(project, service.network_mode) or _predefined(project, service)
    return mode or ("bridge" if service.networks else "none")


def endpoint_specs(project: Project, service: Service, name: str) -> tuple[EndpointSpec, ...]:
    """The places of a container of `service` that is called `name`, in the order of their priority."""
    if _predefined(project, service):
        return ()
    ordered = sorted(service.networks.items(), key=lambda item: -item[1].priority)
    return tuple(
        EndpointSpec(
            network=project.networks[key].name,
            aliases=_aliases(service, name, place),
            ipv4_address=place.ipv4_address,
            # The service's own is for the first of its networks: two interfaces cannot have one address.
            mac_address=place.mac_address or (service.mac_address if index == 0 else ""),
            options=_endpoint_options(service, place),
        )
        for index, (key, place) in enumerate(ordered)
    )


def host_links(project: Project, service: Service) -> tuple[tuple[str, str], ...]:
    """Links of a service on the network that knows no names: name and container."""
    if (service.network_mode or _predefined(project, service)) != "bridge":
        return ()
    own = (_link(text) for text in service.links)
    others = (_link(text) for text in service.external_links)
    return (*((alias, names.container_name(project.name, project.services[name], 1)) for alias, name in own), *others)


def _predefined(project: Project, service: Service) -> str:
    """The predefined network that the service is on, "" for none. Raises CaisError when it is on others too."""
    found = [key for key in service.networks if is_predefined(project.networks[key])]
    if not found:
        return ""
    if len(service.networks) > 1:
        raise CaisError(
            f'service "{service.name}" is on the network "{project.networks[found[0]].name}" and on others',
            span=project.origins.of("services", service.name, "networks", found[0]),
            hint="leave the others out",
        )
    return project.networks[found[0]].name


def _aliases(service: Service, name: str, place: ServiceNetwork) -> tuple[str, ...]:
    own = (service.name,) if place.use_service_name_alias else ()
    return tuple(dict.fromkeys((name, *own, *place.aliases)))


def _endpoint_options(service: Service, place: ServiceNetwork) -> EndpointOptions:
    sysctls = place.driver_opts.get("com.docker.network.endpoint.sysctls", "")
    return EndpointOptions(
        links=tuple(_link(text) for text in (*service.links, *service.external_links)),
        link_local=place.link_local_ips,
        interface=place.interface_name or place.driver_opts.get("com.docker.network.endpoint.ifname", ""),
        gateway_priority=place.gw_priority,
        sysctls=dict(entry.partition("=")[::2] for entry in filter(None, sysctls.split(","))),
        ipv6_address=place.ipv6_address,
    )


def _link(text: str) -> tuple[str, str]:
    """`NAME[:ALIAS]`: the alias, and what it stands for."""
    name, _, alias = text.partition(":")
    return alias or name, name


def _options(network: Network) -> NetworkOptions:
    given = _Options(network)
    return NetworkOptions(
        bridge=given.text("bridge.name"),
        mtu=given.number("driver.mtu"),
        talks=given.truth("bridge.enable_icc"),
        masquerades=given.truth("bridge.enable_ip_masquerade"),
        host_binding=given.text("bridge.host_binding_ipv4"),
        interface_prefix=given.text("container_iface_prefix") or "eth",
        ipv6=_ipv6(network),
    )


def _ipv6(network: Network) -> IPv6Pool | None:
    if not network.enable_ipv6:
        return None
    pool = next((pool for pool in network.ipam if ":" in pool.subnet), IpamPool())
    return IPv6Pool(
        subnet=pool.subnet,
        gateway=pool.gateway,
        ip_range=pool.ip_range,
        reserved=dict(sorted(pool.aux_addresses.items())),
    )


class _Options:
    """Docker's options of bridge networks, by what comes after "com.docker.network."."""

    def __init__(self, network: Network) -> None:
        self._name = network.name
        self._given: Mapping[str, str] = network.driver_opts

    def text(self, name: str) -> str:
        return self._given.get(f"com.docker.network.{name}", "")

    def number(self, name: str) -> int:
        text = self.text(name)
        if text and not text.isdecimal():
            raise self._wrong(name, text, "a number")
        return int(text or 0)

    def truth(self, name: str) -> bool:
        text = self.text(name).lower() or "true"
        if text not in _TRUE | _FALSE:
            raise self._wrong(name, text, "true or false")
        return text in _TRUE

    def _wrong(self, name: str, text: str, expected: str) -> CaisError:
        return CaisError(
            f'network "{self._name}": driver option "com.docker.network.{name}" must be {expected}, not "{text}"'
        )
