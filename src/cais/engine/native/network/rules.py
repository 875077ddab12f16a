"""The nftables rules as text (nft(8)). Pure: each function gives a script that one transaction carries out.

One table a Cais root. The chains never change; networks and ports are elements of its sets and maps, so that adding a container to a
hundred others is one element more.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from cais.engine.native.network import rules6
from cais.engine.native.network.plan import Bridge
from cais.engine.protocol import PortSpec

_TABLE = """
create table ip {table}
table ip {table} {{
  set bridges {{ type ifname; }}
  set internal {{ type ifname; }}
  set pairs {{ type ifname . ifname; }}
  set outward {{ type ipv4_addr; flags interval; }}
  set homes {{ type ipv4_addr . ifname; flags interval; }}
  map published {{ type inet_proto . inet_service : ipv4_addr . inet_service; }}
  map published_at {{ type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }}
  chain publish {{
    dnat ip to ip daddr . meta l4proto . th dport map @published_at
    dnat ip to meta l4proto . th dport map @published
  }}
  chain guard {{
    type filter hook prerouting priority raw; policy accept;
    iifname @bridges ip daddr 127.0.0.0/8 drop
  }}
  chain arriving {{
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local meta l4proto {{ tcp, udp }} jump publish
  }}
  chain local {{
    type nat hook output priority -100; policy accept;
    fib daddr type local meta l4proto {{ tcp, udp }} jump publish
  }}
  chain leaving {{
    type nat hook postrouting priority srcnat; policy accept;
    oifname @bridges ip saddr 127.0.0.0/8 masquerade
    ct status dnat ip saddr . oifname @homes masquerade
    ip saddr @outward oifname != @bridges masquerade
  }}
  chain passing {{
    type filter hook forward priority filter; policy accept;
    iifname != @bridges oifname != @bridges accept
    iifname . oifname @pairs accept
    iifname @internal drop
    oifname @internal drop
    ct state established,related accept
    ct status dnat accept
    iifname @bridges oifname @bridges drop
    iifname @bridges accept
    drop
  }}
}}
"""


_REDIRECTION = """
table ip cais_names {{
  chain asking {{
    type nat hook output priority -100; policy accept;
    ip daddr {address} udp dport 53 dnat to {address}:{port}
    ip daddr {address} tcp dport 53 dnat to {address}:{port}
  }}
}}
"""


SMALLEST_CHAIN = "guard"
"""The chain whose presence shows that the table is there."""


class Forward(msgspec.Struct, frozen=True, kw_only=True):
    """A host port and the container it leads to."""

    port: PortSpec
    address: str
    container_id: str = ""


def table_name(key: str) -> str:
    """The table of the Cais root with that key."""
    return f"cais_{key}"


def create(table: str, bridges: Iterable[Bridge], forwards: Iterable[Forward]) -> str:
    """The whole table; fails when it is there.

    Why the chains are as they are. `guard`: route_localnet, without which 127.0.0.1 cannot be a published port's address, would let containers
    reach what listens on the host's loopback only. `leaving`: a connection from the host's loopback, or from a neighbour by way of a published port, must come back
    through us. `passing`: with br_netfilter the frames between two ports of a bridge pass here too (`pairs`); networks are closed to each
    other and to what was not published.
    """
    script = _TABLE.format(table=table)
    for bridge in bridges:
        script += add_bridge(table, bridge)
    return script + publish(table, forwards)


def replace(table: str, bridges: Iterable[Bridge], forwards: Iterable[Forward]) -> str:
    """The whole table, whether it is there or not."""
    return f"add table ip {table}\ndelete table ip {table}\n" + create(table, bridges, forwards)


def delete(table: str) -> str:
    """Nothing of the table; fine when it is not there."""
    return f"add table ip {table}\ndelete table ip {table}\n"


def add_bridge(table: str, bridge: Bridge) -> str:
    """A network's elements; the same again is fine."""
    elements = "".join(f"add element ip {table} {element}\n" for element in _elements(bridge))
    return elements + rules6.add_bridge(table, bridge)


def remove_bridge(table: str, bridge: Bridge) -> str:
    """Without the network's elements. Each is added first, because deleting what is not there would fail the transaction."""
    elements = "".join(
        f"{verb} element ip {table} {element}\n" for element in _elements(bridge) for verb in ("add", "delete")
    )
    return elements + rules6.remove_bridge(table, bridge)


def publish(table: str, forwards: Iterable[Forward]) -> str:
    """Forward host ports; the same again is fine."""
    return "".join(f"add element ip {table} {_mapping(forward)}\n" for forward in forwards)


def unpublish(table: str, forwards: Iterable[Forward]) -> str:
    """Stop forwarding; fine where it was not."""
    return "".join(
        f"{verb} element ip {table} {_mapping(forward)}\n" for forward in forwards for verb in ("add", "delete")
    )


def redirect_names(server: tuple[str, int]) -> str:
    """In a container's namespace: who asks port 53 of the server's address comes to its real port."""
    return _REDIRECTION.format(address=server[0], port=server[1])


def _elements(bridge: Bridge) -> list[str]:
    name = f'"{bridge.name}"'
    found = [f"bridges {{ {name} }}", f"homes {{ {bridge.subnet} . {name} }}"]
    if bridge.talks:
        found.insert(1, f"pairs {{ {name} . {name} }}")
    if bridge.internal:
        found.append(f"internal {{ {name} }}")
    elif bridge.masquerades:
        found.append(f"outward {{ {bridge.subnet} }}")
    return found


def _mapping(forward: Forward) -> str:
    port = forward.port
    key = f"{port.protocol.value} . {port.host_port}"
    target = f"{forward.address} . {port.container_port}"
    if port.host_ip:
        return f"published_at {{ {port.host_ip} . {key} : {target} }}"
    return f"published {{ {key} : {target} }}"
