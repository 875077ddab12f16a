"""Host ports: which are free, who has one, and how to keep one.

Published ports are forwarded by the kernel, so nothing of Cais listens on them. That nobody else takes them is the work of sockets that are bound
but do not listen (`hold`), which the supervisor keeps open.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterable, Iterator

import msgspec

from cais import durable
from cais.engine.protocol import PortSpec, Transport
from cais.errors import HostError, UsageError
from cais.linux.addresses import parse_address
from cais.linux.addresses6 import canonical

ANY_ADDRESS = "0.0.0.0"
_KINDS = {Transport.TCP: socket.SOCK_STREAM, Transport.UDP: socket.SOCK_DGRAM}
_TCP_LISTEN = "0A"


class Holder(msgspec.Struct, frozen=True):
    """A process that has a port."""

    pid: int
    program: str

    def __str__(self) -> str:
        return f'"{self.program}" (pid {self.pid})' if self.pid else "a program of another user or namespace"


def normalised(port: PortSpec, binding: str = "") -> PortSpec:
    """`port` with "" for all addresses, or with `binding` where it names none. Raises UsageError for what is no address."""
    if not port.host_ip and binding:
        port = msgspec.structs.replace(port, host_ip=binding)
    if port.host_ip in ("", ANY_ADDRESS):
        return msgspec.structs.replace(port, host_ip="")
    try:
        if is_ipv6(port):
            return msgspec.structs.replace(port, host_ip=canonical(port.host_ip))
        parse_address(port.host_ip)
    except ValueError as error:
        raise UsageError(
            f'host address "{port.host_ip}" of port {port.host_port or port.container_port} is no IP address',
            hint="leave the address out, or use 127.0.0.1",
        ) from error
    return port


def is_ipv6(port: PortSpec) -> bool:
    """Whether the port is published at an IPv6 address: then it is relayed, not forwarded by the kernel."""
    return ":" in port.host_ip


def overlap(one: str, other: str) -> bool:
    """Whether two host addresses ("" for all of IPv4, "::" for all of IPv6) share one. What is published on all has both."""
    everywhere = ("", "::")
    same_kind = (":" in one) == (":" in other) or not one or not other
    return same_kind and (one == other or one in everywhere or other in everywhere)


def bind(port: PortSpec) -> socket.socket | None:
    """A bound socket on the port (0: any free one); None when it is taken. Raises HostError for an address this host does not have.

    TCP without SO_REUSEADDR, so that no server can bind beside it; a socket that never listens leaves no TIME_WAIT behind.
    """
    return _bind(port, reuse=False)


def is_free(port: PortSpec) -> bool:
    """Whether no program has the port. Connections of a server that has ended (TIME_WAIT) do not count."""
    found = _bind(port, reuse=port.protocol is Transport.TCP)
    if found is None:
        return False
    found.close()
    return True


def _bind(port: PortSpec, *, reuse: bool) -> socket.socket | None:
    made = socket.socket(socket.AF_INET6 if is_ipv6(port) else socket.AF_INET, _KINDS[port.protocol])
    try:
        if is_ipv6(port):
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if reuse:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((port.host_ip or ANY_ADDRESS, port.host_port))
    except OSError as error:
        made.close()
        if error.errno == errno.EADDRINUSE:
            return None
        if error.errno == errno.EADDRNOTAVAIL:
            raise HostError(
                f'this host has no address "{port.host_ip}" to publish port {port.host_port} on',
                hint="leave the address out, or use one that `ip address` shows",
            ) from error
        raise HostError(f"cannot use port {port.host_port}: {error.strerror}") from error
    return made


def holder(port: PortSpec) -> Holder:
    """Who has the port, from /proc; pid 0 when that cannot be seen."""
    for inode in _inodes(port):
        for pid in _pids():
            if _has_socket(pid, inode):
                return Holder(pid, _program(pid))
    return Holder(0, "")


class HeldPorts:
    """Which sockets of this root keep ports, so that its own sockets are not taken for somebody else's. One file a project in `folder`."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def hold(self, project: str, ports: Iterable[PortSpec]) -> list[socket.socket]:
        """Bound sockets for the ports that are not taken; they keep the ports until closed, or the process ends."""
        sockets, lines = [], [str(os.getpid())]
        for port in ports:
            if is_ipv6(port):  # kept by who relays it
                lines.append(_line(port))
                continue
            made = bind(port)
            if made is not None:
                sockets.append(made)
                lines.append(_line(port))
        os.makedirs(self._folder, exist_ok=True)
        durable.write(os.path.join(self._folder, project or "_"), "\n".join(lines).encode(), sync=False)
        return sockets

    def holds(self, port: PortSpec) -> bool:
        """Whether a living process of this root holds the port."""
        wanted = _line(port)
        if not os.path.isdir(self._folder):
            return False
        for name in os.listdir(self._folder):
            with (
                contextlib.suppress(FileNotFoundError),
                open(os.path.join(self._folder, name), encoding="utf-8") as stream,
            ):
                pid, *lines = stream.read().split("\n")
                if wanted in lines and os.path.exists(f"/proc/{pid}"):
                    return True
        return False


def _line(port: PortSpec) -> str:
    return f"{port.protocol.value} {port.host_ip or ANY_ADDRESS} {port.host_port}"


def _inodes(port: PortSpec) -> Iterator[str]:
    """Inodes of the sockets on that port (for TCP: of the listening ones). proc(5), /proc/net/tcp."""
    wanted = f"{port.host_port:04X}"
    for version in ("", "6"):
        with (
            contextlib.suppress(FileNotFoundError),
            open(f"/proc/net/{port.protocol.value}{version}", encoding="ascii") as table,
        ):
            next(table)
            for line in table:
                fields = line.split()
                listens = port.protocol is Transport.UDP or fields[3] == _TCP_LISTEN
                if fields[1].rpartition(":")[2] == wanted and listens:
                    yield fields[9]


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdecimal())


def _has_socket(pid: int, inode: str) -> bool:
    wanted = f"socket:[{inode}]"
    try:
        descriptors = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return False  # it has ended, or is not ours to see
    for descriptor in descriptors:
        with contextlib.suppress(OSError):  # closed meanwhile, or not ours to see
            if os.readlink(f"/proc/{pid}/fd/{descriptor}") == wanted:
                return True
    return False


def _program(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as stream:
            return stream.read().strip()
    except OSError:
        return "a program that has just ended"
