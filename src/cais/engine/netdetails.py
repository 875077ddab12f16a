"""Parts of networks and endpoints that few modules look into."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class NetworkOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a network's bridge is made; what is not said is as Docker has it. Names of Docker's own driver options are in `project.networks`.

    `bridge` names the interface (at most 15 characters), `mtu` is in bytes (0: the kernel's). `talks`: its containers reach each other.
    `masquerades`: they reach the world under the host's address. `host_binding` is the host's address for ports that name none.
    `interface_prefix` begins the names of interfaces inside.
    """

    bridge: str = ""
    mtu: int = 0
    talks: bool = True
    masquerades: bool = True
    host_binding: str = ""
    interface_prefix: str = "eth"


class EndpointOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A container's place on a network, beyond its address and names.

    `links` are names (with what they stand for there) that this container alone knows. `interface` is the interface's name inside, "" for
    the next of the network's own. The endpoint with the highest `gateway_priority` has the default route. In the names of `sysctls`,
    IFNAME stands for the interface.
    """

    links: tuple[tuple[str, str], ...] = ()
    link_local: tuple[str, ...] = ()
    interface: str = ""
    gateway_priority: int = 0
    sysctls: Mapping[str, str] = {}
