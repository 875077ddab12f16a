"""The texts of /etc/hosts, /etc/hostname and /etc/resolv.conf that a container sees. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

HOST_GATEWAY = "host-gateway"

_LOCAL = (
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    "fe00::\tip6-localnet",
    "ff00::\tip6-mcastprefix",
    "ff02::1\tip6-allnodes",
    "ff02::2\tip6-allrouters",
)


def hosts(own: Iterable[tuple[str, str]], extra: Iterable[tuple[str, str]], *, gateway: str) -> str:
    """/etc/hosts. `own` are (address, names), `extra` (name, address) as Compose's extra_hosts; "host-gateway" stands for `gateway`."""
    lines = list(_LOCAL)
    lines.extend(f"{gateway if address == HOST_GATEWAY else address.strip('[]')}\t{name}" for name, address in extra)
    lines.extend(f"{address}\t{names}" for address, names in own)
    return "\n".join(lines) + "\n"


def resolver(servers: Sequence[str], search: Sequence[str] = (), options: Sequence[str] = ()) -> str:
    """/etc/resolv.conf (resolv.conf(5))."""
    lines = [f"nameserver {server}" for server in servers]
    if search:
        lines.append("search " + " ".join(search))
    if options:
        lines.append("options " + " ".join(options))
    return "\n".join(lines) + "\n"
