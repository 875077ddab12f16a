"""Parts of networks and endpoints that few modules look into."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class IPv6Pool(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """IPv6 addresses of a network beside those of IPv4. `subnet`/`gateway` empty: chosen. `ip_range` and `reserved` as in NetworkSpec."""

    subnet: str = ""
    gateway: str = ""
    ip_range: str = ""
    reserved: Mapping[str, str] = {}


class NetworkOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a network's bridge is made; what is not said is as Docker has it. Names of Docker's own driver options are in `project.networks`.

    `bridge` names the interface (at most 15 characters), `mtu` is in bytes (0: the kernel's). `talks`: its containers reach each other.
    `masquerades`: they reach the world under the host's address. `host_binding` is the host's address for ports that name none.
    `interface_prefix` begins the names of interfaces inside. `ipv6` None: the network has no IPv6.
    """

    bridge: str = ""
    mtu: int = 0
    talks: bool = True
    masquerades: bool = True
    host_binding: str = ""
    interface_prefix: str = "eth"
    ipv6: IPv6Pool | None = None


class EndpointOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A container's place on a network, beyond its address and names.

    `links` are names (with what they stand for there) that this container alone knows. `interface` is the interface's name inside, "" for
    the next of the network's own. The endpoint with the highest `gateway_priority` has the default route. In the names of `sysctls`,
    IFNAME stands for the interface. `ipv6_address` "" is assigned, if the network has IPv6.
    """

    links: tuple[tuple[str, str], ...] = ()
    link_local: tuple[str, ...] = ()
    interface: str = ""
    gateway_priority: int = 0
    sysctls: Mapping[str, str] = {}
    ipv6_address: str = ""
