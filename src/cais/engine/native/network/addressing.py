"""Which subnets a network gets and which addresses its members, from what was asked for and what is taken. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from cais.engine.native.network import plan
from cais.engine.native.network.plan import Lease, Side6
from cais.engine.netdetails import EndpointOptions, IPv6Pool
from cais.engine.protocol import NetworkSpec, NetworkState
from cais.errors import Conflict, UsageError
from cais.linux.addresses import Subnet
from cais.linux.addresses6 import Subnet6, canonical


class Sides(msgspec.Struct, frozen=True):
    """The subnets of a network, each with the gateway's address."""

    subnet: Subnet
    gateway: str
    side6: Side6 | None


def sides(root: str, spec: NetworkSpec, occupied: Sequence[Subnet], occupied6: Sequence[Subnet6]) -> Sides:
    """The subnets of a new network. Raises UsageError, Conflict, and HostError when nothing is free."""
    if spec.subnet:
        subnet, gateway = plan.given_subnet(spec.name, Subnet, spec.subnet, spec.gateway, occupied)
    else:
        subnet = plan.choose_subnet(occupied)
        gateway = subnet.address(1)
    pool = plan.given_range(spec.name, subnet, spec.ip_range)
    plan.choose_address(subnet, (gateway, *spec.reserved.values()), pool)  # there must be one
    plan.check_reserved(spec.name, subnet, spec.reserved)
    asked = spec.options.ipv6
    return Sides(subnet, gateway, _side6(root, spec.name, asked, occupied6) if asked is not None else None)


def check_same(state: NetworkState, spec: NetworkSpec) -> None:
    """Raise Conflict when a network that is there is not what `spec` asks for."""
    has = state.spec.options.ipv6 is not None
    wanted6 = spec.options.ipv6 or IPv6Pool()
    for what, is_so, wanted in (
        ("subnet", state.subnet, spec.subnet or state.subnet),
        ("gateway", state.gateway, spec.gateway or state.gateway),
        ("internal", str(state.spec.internal).lower(), str(spec.internal).lower()),
        ("enable_ipv6", str(has).lower(), str(spec.options.ipv6 is not None).lower()),
        ("IPv6 subnet", state.subnet6, str(Subnet6.parse(wanted6.subnet)) if wanted6.subnet else state.subnet6),
        ("IPv6 gateway", state.gateway6, canonical(wanted6.gateway) if wanted6.gateway else state.gateway6),
    ):
        if is_so != wanted:
            raise Conflict(
                f'network "{spec.name}" exists with {what} {is_so}, not {wanted}',
                hint="remove the network (with its containers) and create it again",
            )


def address(state: NetworkState, wanted: str, members: Iterable[Lease]) -> str:
    """The IPv4 address of a new member. Raises UsageError, Conflict, HostError."""
    spec, subnet = state.spec, Subnet.parse(state.subnet)
    taken = [*(lease.address for lease in members), state.gateway, *spec.reserved.values()]
    if wanted:
        return plan.check_address(spec.name, subnet, wanted, taken)
    return plan.choose_address(subnet, taken, plan.given_range(spec.name, subnet, spec.ip_range))


def address6(state: NetworkState, options: EndpointOptions, address: str, members: Iterable[Lease]) -> str:
    """The IPv6 address of a new member whose IPv4 address is `address`, "" on a network without IPv6.

    It has the same number if that is free, and so the same hardware address each time. Raises UsageError, Conflict, HostError.
    """
    pool, name = state.spec.options.ipv6, state.spec.name
    if pool is None:
        if options.ipv6_address:
            raise UsageError(
                f'network "{name}" has no IPv6 for ipv6_address "{options.ipv6_address}"',
                hint="give the network `enable_ipv6: true`",
            )
        return ""
    subnet = Subnet6.parse(state.subnet6)
    taken = [*(lease.address6 for lease in members), state.gateway6, *map(canonical, pool.reserved.values())]
    if options.ipv6_address:
        return plan.check_address(name, subnet, options.ipv6_address, taken)
    within = plan.given_range(name, subnet, pool.ip_range)
    number = Subnet.number(address) - Subnet.parse(state.subnet).first
    alike = subnet.address(number) if number < subnet.size - 1 else ""
    if alike and alike not in taken and (within or subnet).holds(alike):
        return alike
    return plan.choose_address(subnet, taken, within)


def _side6(root: str, network: str, asked: IPv6Pool, occupied: Sequence[Subnet6]) -> Side6:
    if asked.subnet:
        subnet, gateway = plan.given_subnet(network, Subnet6, asked.subnet, asked.gateway, occupied)
    else:
        subnet = plan.choose_subnet6(root, network, occupied)
        gateway = subnet.address(1)
    plan.check_reserved(network, subnet, asked.reserved)
    pool = plan.given_range(network, subnet, asked.ip_range)
    plan.choose_address(subnet, (gateway, *map(canonical, asked.reserved.values())), pool)  # there must be one
    return Side6(subnet, gateway)
