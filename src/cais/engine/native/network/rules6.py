"""The nftables rules of networks with IPv6, as text (nft(8)). Pure.

One table a network: few have IPv6, and what one table's chain accepts another's may still drop, so each need only guard its own bridge. Ports are
not published here: what reaches the host by IPv6 is relayed (see `relay`).
"""

from __future__ import annotations

import hashlib

from cais.engine.native.network.plan import Bridge, Side6

_TABLE = """
table ip6 {table} {{
  chain leaving {{
    type nat hook postrouting priority srcnat; policy accept;
    {leaving}
  }}
  chain passing {{
    type filter hook forward priority filter; policy accept;
    iifname != "{bridge}" oifname != "{bridge}" accept
    {passing}
  }}
}}
"""


def table_of(table: str, bridge: str) -> str:
    """The table of a network of the root whose own is `table`."""
    return f"{table}_{hashlib.sha256(bridge.encode()).hexdigest()[:8]}"


def add_bridge(table: str, bridge: Bridge) -> str:
    """A network's table, whether it is there or not; nothing for a network without IPv6."""
    side = bridge.side6
    if side is None:
        return ""
    made = _TABLE.format(
        table=table_of(table, bridge.name),
        bridge=bridge.name,
        leaving=_leaving(bridge, side),
        passing="\n    ".join(_passing(bridge)),
    )
    return remove_bridge(table, bridge) + made


def remove_bridge(table: str, bridge: Bridge) -> str:
    """Nothing of a network's table; fine when it is not there."""
    if bridge.side6 is None:
        return ""
    name = table_of(table, bridge.name)
    return f"add table ip6 {name}\ndelete table ip6 {name}\n"


def _leaving(bridge: Bridge, side: Side6) -> str:
    if bridge.internal or not bridge.masquerades:
        return ""
    return f'ip6 saddr {side.subnet} oifname != "{bridge.name}" masquerade'


def _passing(bridge: Bridge) -> list[str]:
    """With br_netfilter the frames between two ports of the bridge pass here too."""
    name = f'"{bridge.name}"'
    within = [f"iifname {name} oifname {name} accept"] if bridge.talks else []
    if bridge.internal:
        return [*within, "drop"]
    answers = f"oifname {name} ct state established,related accept"
    return [*within, answers, f"oifname {name} drop"]
