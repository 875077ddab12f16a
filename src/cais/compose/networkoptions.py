"""What of a network's options means something here: the rest is said, or refused where it would open what should be closed."""

from __future__ import annotations

from cais.compose import reading
from cais.compose.nodes import ListNode, MapNode, Node
from cais.compose.problems import Problems

_DOCKER = "com.docker.network."
HONOURED = frozenset(
    _DOCKER + name
    for name in (
        *("bridge.name", "bridge.enable_icc", "bridge.enable_ip_masquerade", "bridge.host_binding_ipv4"),
        *("driver.mtu", "container_iface_prefix"),
    )
)
ENDPOINT_HONOURED = frozenset({_DOCKER + "endpoint.sysctls", _DOCKER + "endpoint.ifname"})
_ONLY = {_DOCKER + "bridge.gateway_mode_ipv4": ("nat",), _DOCKER + "bridge.inhibit_ipv4": ("false", "0")}


def check_network(name: str, network: Node, problems: Problems) -> None:
    """Options and address pools of one network."""
    for option, value, span in reading.entries(network, "driver_opts"):
        if option in _ONLY and reading.text(value) not in _ONLY[option]:
            message = f'driver option "{option}" of network "{name}" is not supported'
            problems.refuse(message, span, "leave it out: the network has a gateway, and its addresses are translated")
        elif option not in HONOURED and option not in _ONLY:
            problems.warn(f'driver option "{option}" of network "{name}" has no effect', span, _known(HONOURED))
    if reading.value(network, "enable_ipv4") is False:
        node = reading.child(network, "enable_ipv4")
        problems.refuse(f'network "{name}" without IPv4 is not supported', node.span if node else None)
    _pools(name, network, problems)


def check_endpoint(service: str, network: str, place: Node, problems: Problems) -> None:
    """Options of a service's place on a network."""
    for option, _, span in reading.entries(place, "driver_opts"):
        if option not in ENDPOINT_HONOURED:
            message = f'driver option "{option}" of service "{service}" on network "{network}" has no effect'
            problems.warn(message, span, _known(ENDPOINT_HONOURED))


def _pools(name: str, network: Node, problems: Problems) -> None:
    """A bridge has one subnet of a kind, with Docker too."""
    pools = reading.child(network, "ipam", "config")
    if not isinstance(pools, ListNode):
        return
    families = [_family(pool) for pool in pools.items]
    for index, pool in enumerate(pools.items):
        if families[index] in families[:index]:
            kind = "IPv6" if families[index] else "IPv4"
            problems.refuse(f'network "{name}" has several {kind} subnets, which a bridge cannot have', pool.span)
        elif families[index] and reading.value(network, "enable_ipv6") is not True:
            hint = "give the network `enable_ipv6: true`"
            problems.warn(f'IPv6 subnet of network "{name}" has no effect: it has no IPv6', pool.span, hint)


def _family(pool: Node) -> bool:
    """Whether it is one of IPv6."""
    return isinstance(pool, MapNode) and ":" in reading.text(pool, "subnet")


def _known(options: frozenset[str]) -> str:
    return "known are: " + ", ".join(sorted(options))
