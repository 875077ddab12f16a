"""What networking decides before it touches anything: names, subnets, addresses. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from cais.engine.netdetails import EndpointOptions
from cais.errors import Conflict, HostError, UsageError
from cais.linux.addresses import Subnet

RESOLVER = "127.0.0.11"
"""Where a container finds its name server: the address Docker uses, which nginx configurations name."""

NETWORK_PREFIX = 24
_INTERFACE = re.compile(r"(?!lo$|\.{1,2}$)[A-Za-z0-9_.-]{1,15}")
POOLS = tuple(Subnet.parse(text) for text in ("10.188.0.0/14", "10.196.0.0/14", "192.168.224.0/19"))
"""Private ranges (RFC 1918) subnets are chosen from. They lie outside Docker's default pools (172.17.0.0/12 upwards and 192.168.0.0/16 from
its start), so that a Docker engine started later finds its own free."""


class Bridge(msgspec.Struct, frozen=True, kw_only=True):
    """One network on the host: its bridge with the gateway's address. `mtu` 0 is the kernel's own."""

    name: str
    subnet: Subnet
    gateway: str
    internal: bool = False
    mtu: int = 0
    talks: bool = True
    masquerades: bool = True


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """One container's address on one network. `interface` is the host's end of the veth pair, `inside` the container's own."""

    container_id: str
    network: str
    position: int
    address: str
    mac: str
    interface: str
    inside: str
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


def given_range(network: str, subnet: Subnet, ip_range: str) -> Subnet | None:
    """The part of the subnet that addresses come from, None for all of it. Raises UsageError."""
    if not ip_range:
        return None
    try:
        pool = Subnet.parse(ip_range)
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


def check_address(network: str, subnet: Subnet, address: str, taken: Iterable[str]) -> str:
    """A given `ipv4_address` when it is usable. Raises UsageError or Conflict."""
    try:
        inside = subnet.holds(address)
    except ValueError as error:
        raise UsageError(f"ipv4_address: {error}") from error
    if not inside or address in (subnet.address(0), subnet.broadcast):
        raise UsageError(f'address "{address}" is not one of network "{network}" ({subnet})')
    if address in taken:
        raise Conflict(
            f'address "{address}" is taken on network "{network}"',
            hint="choose another `ipv4_address`, or remove its holder",
        )
    return address


def given_subnet(network: str, subnet: str, gateway: str, occupied: Iterable[Subnet]) -> tuple[Subnet, str]:
    """The subnet and gateway a user asked for. Raises UsageError, or Conflict when the host uses it."""
    try:
        wanted = Subnet.parse(subnet)
        if wanted.prefix > 30:
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
    return wanted, first


def _candidates(pools: Iterable[Subnet]) -> Iterator[Subnet]:
    step = 1 << (32 - NETWORK_PREFIX)
    for pool in pools:
        for first in range(pool.first, pool.first + pool.size, step):
            yield Subnet(first, NETWORK_PREFIX)


def _hex(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
