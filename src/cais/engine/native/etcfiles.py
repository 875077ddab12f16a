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
    lines = [*_LOCAL, *(f"{address}\t{names}" for address, names in own)]
    return "\n".join(lines) + "\n" + extra_lines(extra, gateway=gateway)


def own_names(hostname: str, domainname: str) -> str:
    """The names a container has in its own /etc/hosts: the full one, and up to the first dot."""
    full = f"{hostname}.{domainname}" if domainname else hostname
    short = full.partition(".")[0]
    return f"{full} {short}" if short != full else full


def extra_lines(extra: Iterable[tuple[str, str]], *, gateway: str) -> str:
    """The lines of /etc/hosts for `extra` (name, address)."""
    addresses = ((name, gateway if address == HOST_GATEWAY else address.strip("[]")) for name, address in extra)
    return "".join(f"{address}\t{name}\n" for name, address in addresses)


def resolver(servers: Sequence[str], search: Sequence[str] = (), options: Sequence[str] = ()) -> str:
    """/etc/resolv.conf (resolv.conf(5))."""
    lines = [f"nameserver {server}" for server in servers]
    if search:
        lines.append("search " + " ".join(search))
    if options:
        lines.append("options " + " ".join(options))
    return "\n".join(lines) + "\n"


def search_of(text: str) -> tuple[str, ...]:
    """The search domains that a resolv.conf names; the last line counts."""
    found: tuple[str, ...] = ()
    for line in text.splitlines():
        words = line.split()
        if words and words[0] in ("search", "domain"):
            found = tuple(words[1:])
    return found
