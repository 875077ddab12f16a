"""Forwarding beside a Docker engine (or anything else that closes iptables' FORWARD chain).

A packet must be accepted by every base chain of a hook, so accepting it in our own table does not help where another drops it. There we insert
two accepting rules a bridge, into the chain Docker reserves for its users, else into FORWARD, and take them away with the bridge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cais.engine.native.network.firewall import Packets

if TYPE_CHECKING:
    from cais.proc import Outcome

USER_CHAIN = "DOCKER-USER"
FORWARD_CHAIN = "FORWARD"


IPTABLES, IP6TABLES = ("ip", "iptables"), ("ip6", "ip6tables")


def closed_chain(packets: Packets, family: str = "ip") -> str:
    """The chain that needs an opening, "" when forwarding is open."""
    forward = packets.list(f"chain {family} filter {FORWARD_CHAIN}")
    if forward is None:
        return ""
    if f"jump {USER_CHAIN}" in forward:
        return USER_CHAIN
    return FORWARD_CHAIN if "policy drop" in forward else ""


def rules_for(bridge: str) -> tuple[tuple[str, ...], ...]:
    """The rules of a bridge as iptables takes them: what comes from it and what goes to it. Our own table still decides after that."""
    return (("-i", bridge, "-j", "ACCEPT"), ("-o", bridge, "-j", "ACCEPT"))


def open_forwarding(packets: Packets, bridge: str, *, with_ipv6: bool = False) -> None:
    """Let the bridge's packets pass where the machine drops what it does not know. Raises HostError."""
    for family, program in (IPTABLES, IP6TABLES) if with_ipv6 else (IPTABLES,):
        chain = closed_chain(packets, family)
        for rule in rules_for(bridge) if chain else ():
            if not _iptables(program, "-C", chain, *rule).ok:
                _iptables(program, "-I", chain, *rule).check(f'open chain "{chain}" for network bridge "{bridge}"')


def close_forwarding(packets: Packets, bridge: str, *, with_ipv6: bool = False) -> None:
    """Take the openings of a bridge away; none is fine."""
    for family, program in (IPTABLES, IP6TABLES) if with_ipv6 else (IPTABLES,):
        for chain in (USER_CHAIN, FORWARD_CHAIN):
            if f'"{bridge}"' in (packets.list(f"chain {family} filter {chain}") or ""):
                for rule in rules_for(bridge):
                    _iptables(program, "-D", chain, *rule)


def _iptables(program: str, *arguments: str) -> Outcome:
    from cais import proc  # subprocess is dear, and most machines need no opening

    command = proc.Command(argv=(program, "-w", "5", *arguments), install_hint="apt-get install iptables")
    return proc.run(command)
