"""What networking decides before it touches anything: names, subnets, addresses. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

import msgspec

from cais.engine.netdetails import EndpointOptions
from cais.errors import Conflict, HostError, UsageError
from cais.linux.addresses import Subnet
from cais.linux.addresses6 import Subnet6

RESOLVER = "127.0.0.11"
"""Where a container finds its name server: the address Docker uses, which nginx configurations name."""

NETWORK_PREFIX, NETWORK_PREFIX6 = 24, 64
_INTERFACE = re.compile(r"(?!lo$|\.{1,2}$)[A-Za-z0-9_.-]{1,15}")
POOLS = tuple(Subnet.parse(text) for text in ("10.188.0.0/14", "10.196.0.0/14", "192.168.224.0/19"))
"""Private ranges (RFC 1918) subnets are chosen from. They lie outside Docker's default pools (172.17.0.0/12 upwards and 192.168.0.0/16 from
its start), so that a Docker engine started later finds its own free."""


_Kind = TypeVar("_Kind", bound=Subnet)


class Side6(msgspec.Struct, frozen=True):
    """The IPv6 side of a network."""

    subnet: Subnet6
    gateway: str


class Bridge(msgspec.Struct, frozen=True, kw_only=True):
    """One network on the host: its bridge with the gateway's address. `mtu` 0 is the kernel's own; without IPv6, `side6` is None."""

    name: str
    subnet: Subnet
    gateway: str
    internal: bool = False
    mtu: int = 0
    talks: bool = True
    masquerades: bool = True
    side6: Side6 | None = None


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """One container's address on one network. `interface` is the host's end of the veth pair, `inside` the container's own. `address6` ""
    is none."""

    container_id: str
    network: str
    position: int
    address: str
    mac: str
    interface: str
    inside: str
    address6: str = ""
    aliases: tuple[str, ...] = ()
    options: EndpointOptions = EndpointOptions()


def root_key(root: str) -> str:
    """Eight hexadecimal digits that tell this Cais root from others on the machine."""
    return _hex(root)[:8]


def bridge_name(root: str, network: str) -> str:
    """An interface name (at most 15 characters) for a network."""
    return "cais-" + _hex(root, network)[:8]


def interface_name(root: str, container_id: str, network: str) -> str:
    """An interface name for the host's end of an endpoint."""
    return "cv" + _hex(root, container_id, network)[:12]


def choose_subnet(occupied: Iterable[Subnet], pools: Iterable[Subnet] = POOLS) -> Subnet:
    """The first /24 of the pools that shares no address with what is occupied. Raises HostError when there is none."""
    taken = tuple(occupied)
    for candidate in _candidates(pools):
        if not any(candidate.overlaps(other) for other in taken):
            return candidate
    raise HostError(
        "no private subnet is free for another network", hint="remove networks, or give `subnet` in the Compose file"
    )


def choose_subnet6(root: str, network: str, occupied: Iterable[Subnet6]) -> Subnet6:
    """A /64 of the addresses that everybody may use at home (RFC 4193: fd, then bits as if by chance); the same for a network each time,
    unless it is occupied."""
    taken = tuple(occupied)
    attempt = 0
    while True:
        first = int("fd" + _hex(root, network, str(attempt))[:14], 16) << 64
        candidate = Subnet6(first, NETWORK_PREFIX6)
        if not any(candidate.overlaps(other) for other in taken):
            return candidate
        attempt += 1


def choose_address(subnet: Subnet, taken: Iterable[str], within: Subnet | None = None) -> str:
    """The lowest free address for a container, behind the network's own and before the broadcast address, of the range `within` if that
    is given. Raises HostError when full."""
    unavailable = frozenset(taken)
    pool = within or subnet
    first = pool.first - subnet.first
    for number in range(max(2, first), min(first + pool.size, subnet.size - 1)):
        address = subnet.address(number)
        if address not in unavailable:
            return address
    raise HostError(
        f"network {pool} has no free address", hint="use a larger `subnet` or `ip_range`, or another network"
    )


def given_range(network: str, subnet: _Kind, ip_range: str) -> _Kind | None:
    """The part of the subnet that addresses come from, None for all of it. Raises UsageError."""
    if not ip_range:
        return None
    try:
        pool = type(subnet).parse(ip_range)
    except ValueError as error:
        raise UsageError(f'network "{network}": ip_range: {error}') from error
    if not (subnet.holds(pool.address(0)) and subnet.holds(pool.broadcast)):
        raise UsageError(f'network "{network}": ip_range {pool} is not within its subnet {subnet}')
    return pool


def check_reserved(network: str, subnet: Subnet, reserved: Mapping[str, str]) -> None:
    """Raise UsageError for a reserved address that is not one of the subnet."""
    for name, address in reserved.items():
        try:
            inside = subnet.holds(address)
        except ValueError as error:
            raise UsageError(f'network "{network}": aux_addresses: {error}') from error
        if not inside:
            raise UsageError(f'network "{network}": aux_addresses: "{name}" ({address}) is not in subnet {subnet}')


def interface_inside(wanted: str, prefix: str, position: int, taken: Iterable[str]) -> str:
    """The name of an interface in its container. Raises UsageError when the wanted one is no name, or taken there."""
    name = wanted or f"{prefix}{position}"
    if not _INTERFACE.fullmatch(name):
        raise UsageError(
            f'"{name}" cannot be the name of an interface', hint="use at most 15 letters, digits, _ . and -"
        )
    if name in taken:
        raise UsageError(f'two interfaces of one container cannot both be "{name}"')
    return name


def check_address(network: str, subnet: Subnet, wanted: str, taken: Iterable[str]) -> str:
    """A given address, in its usual form, when it is free. Raises UsageError or Conflict."""
    attribute = "ipv6_address" if isinstance(subnet, Subnet6) else "ipv4_address"
    try:
        inside = subnet.holds(wanted)
    except ValueError as error:
        raise UsageError(f"{attribute}: {error}") from error
    address = subnet.text(subnet.number(wanted))
    if not inside or address in (subnet.address(0), subnet.broadcast):
        raise UsageError(f'address "{address}" is not one of network "{network}" ({subnet})')
    if address in taken:
        raise Conflict(
            f'address "{address}" is taken on network "{network}"',
            hint=f"choose another `{attribute}`, or remove its holder",
        )
    return address


def given_subnet(
    network: str, kind: type[_Kind], subnet: str, gateway: str, occupied: Iterable[_Kind]
) -> tuple[_Kind, str]:
    """The subnet and gateway a user asked for. Raises UsageError, or Conflict when the host uses it."""
    try:
        wanted = kind.parse(subnet)
        if wanted.prefix > kind.bits - 2:
            raise ValueError(f'"{subnet}" has no room for a container')
        first = gateway or wanted.address(1)
        if not wanted.holds(first):
            raise ValueError(f'gateway "{first}" is not in subnet {wanted}')
    except ValueError as error:
        raise UsageError(f'network "{network}": {error}') from error
    for other in occupied:
        if wanted.overlaps(other):
            raise Conflict(
                f'subnet {wanted} of network "{network}" overlaps {other}, which this host uses',
                hint="choose another `subnet`, or leave it out",
            )
    return wanted, wanted.text(wanted.number(first))


def _candidates(pools: Iterable[Subnet]) -> Iterator[Subnet]:
    step = 1 << (32 - NETWORK_PREFIX)
    for pool in pools:
        for first in range(pool.first, pool.first + pool.size, step):
            yield Subnet(first, NETWORK_PREFIX)


def _hex(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
