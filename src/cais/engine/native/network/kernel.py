"""Bridges, namespaces and interfaces in the kernel. The one part of networking, beside the firewall, that touches the machine."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Sequence
from typing import Protocol

import msgspec

from cais.engine.native.network import ipv6, nameserver, rules
from cais.engine.native.network.firewall import Packets
from cais.engine.native.network.plan import Bridge, Lease
from cais.errors import HostError, PermissionNeeded
from cais.linux import netns, rtnetlink
from cais.linux.addresses import Subnet, mac_for
from cais.linux.addresses6 import Subnet6

NAMESPACE_SETTINGS = (
    # Without IPv6, as most networks are: no link-local addresses, no duplicate address detection, no multicast noise on the bridge.
    ("ipv6/conf/default/disable_ipv6", "1"),
    # As Docker has it: a process without privileges may listen on any port and send pings.
    ("ipv4/ip_unprivileged_port_start", "0"),
    ("ipv4/ping_group_range", "0 2147483647"),
)


_INTERFACE_SETTINGS = tuple(
    f"net.{kind}." for kind in ("ipv4.conf", "ipv6.conf", "ipv4.neigh", "ipv6.neigh", "mpls.conf")
)


class Attachment(msgspec.Struct, frozen=True):
    """A lease and the bridge it is on."""

    lease: Lease
    bridge: Bridge


class Kernel(Protocol):
    """What networking asks of the machine. Errors are HostError."""

    def occupied(self) -> tuple[Subnet, ...]:
        """Subnets that addresses and routes of the host use."""

    def occupied6(self) -> tuple[Subnet6, ...]:
        """The same of IPv6."""

    def ensure_bridge(self, bridge: Bridge) -> bool:
        """Make the bridge with its address, switched on; whether it was not there."""

    def has_link(self, name: str) -> bool:
        """Whether the host has that interface."""

    def rejoin(self, bridge: Bridge, interfaces: Sequence[str]) -> None:
        """Make interfaces ports of a bridge that was lost and made again; those that are gone too are left to `ensure_endpoint`."""

    def remove_bridge(self, name: str) -> None:
        """Delete a bridge; none is fine."""

    def ensure_endpoint(
        self, namespace: str, attachments: tuple[Attachment, ...], gateways: tuple[str, ...]
    ) -> tuple[socket.socket, ...]:
        """Make the namespace and what is missing in it. Returns the sockets at which names are asked, unless the name server has them.

        The endpoint is there in full or not at all. Each gateway makes a default route; without attachments there are no sockets.
        """

    def remove_endpoint(self, namespace: str, interfaces: Sequence[str] = ()) -> None:
        """Let nothing pass its host interfaces any more, and let go of the namespace: they vanish with it."""

    def namespaces(self, folder: str) -> tuple[str, ...]:
        """Paths of the namespace files in `folder`, whether namespaces are on them or not."""


class _Port(msgspec.Struct, frozen=True):
    lease: Lease
    bridge: Bridge
    bridge_index: int


class LinuxKernel:
    """The real one. `packets` puts the redirection of names into each namespace."""

    def __init__(self, packets: Packets) -> None:
        self._packets = packets

    def occupied(self) -> tuple[Subnet, ...]:
        """See Kernel."""
        with rtnetlink.Netlink() as netlink:
            return netlink.subnets(Subnet)

    def occupied6(self) -> tuple[Subnet6, ...]:
        """See Kernel."""
        with rtnetlink.Netlink() as netlink:
            return netlink.subnets(Subnet6)

    def ensure_bridge(self, bridge: Bridge) -> bool:
        """See Kernel."""
        missing = not self.has_link(bridge.name)
        try:
            with rtnetlink.Netlink() as netlink:
                netlink.execute([rtnetlink.new_bridge(bridge.name, mac_for(bridge.gateway))])
                if bridge.side6 is None:
                    _set(f"ipv6/conf/{bridge.name}/disable_ipv6", "1")
                else:
                    ipv6.admit(bridge.name)
                # 127.0.0.1 as a published port's address; the firewall's `guard` chain keeps the host's loopback closed to containers.
                _set(f"ipv4/conf/{bridge.name}/route_localnet", "1")
                index = _index(bridge.name)
                size = [rtnetlink.set_mtu(bridge.name, bridge.mtu)] if bridge.mtu else []
                address = rtnetlink.add_address(index, bridge.gateway, bridge.subnet)
                netlink.execute([*size, rtnetlink.set_up(bridge.name), address, *_side6(index, bridge)])
            if not bridge.internal:
                _set("ipv4/ip_forward", "1")
                if bridge.side6 is not None:
                    ipv6.forward()
        except OSError as error:
            raise _translated(error) from error
        return missing

    def has_link(self, name: str) -> bool:
        """See Kernel."""
        return os.path.exists(f"/sys/class/net/{name}")

    def rejoin(self, bridge: Bridge, interfaces: Sequence[str]) -> None:
        """See Kernel."""
        try:
            index = _index(bridge.name)
            with rtnetlink.Netlink() as netlink:
                netlink.execute([rtnetlink.set_master(interface, index) for interface in interfaces])
        except OSError as error:
            raise _translated(error) from error

    def remove_bridge(self, name: str) -> None:
        """See Kernel."""
        try:
            with rtnetlink.Netlink() as netlink:
                netlink.execute([rtnetlink.delete_link(name)])
        except OSError as error:
            raise _translated(error) from error

    def ensure_endpoint(
        self, namespace: str, attachments: tuple[Attachment, ...], gateways: tuple[str, ...]
    ) -> tuple[socket.socket, ...]:
        """See Kernel."""
        os.makedirs(os.path.dirname(namespace), exist_ok=True)
        try:
            with rtnetlink.Netlink() as host:
                ports = [_Port(item.lease, item.bridge, _index(item.bridge.name)) for item in attachments]
                if netns.exists(namespace):
                    return netns.inside(namespace, lambda: _complete(host, ports, gateways))
                return netns.create(namespace, lambda: self._furnish(host, ports, gateways))
        except OSError as error:
            raise _translated(error) from error

    def remove_endpoint(self, namespace: str, interfaces: Sequence[str] = ()) -> None:
        """See Kernel."""
        try:
            if interfaces:
                with rtnetlink.Netlink() as netlink:
                    netlink.execute([rtnetlink.retire(name, index) for name, index in _there(interfaces)])
                _let_connections_end(namespace)
            netns.remove(namespace)
        except OSError as error:
            raise _translated(error) from error

    def namespaces(self, folder: str) -> tuple[str, ...]:
        """See Kernel."""
        if not os.path.isdir(folder):
            return ()
        return tuple(os.path.join(folder, name) for name in os.listdir(folder))

    def _furnish(
        self, host: rtnetlink.Netlink, ports: list[_Port], gateways: tuple[str, ...]
    ) -> tuple[socket.socket, ...]:
        """In a fresh namespace: settings, loopback, redirection, then what an old one might lack."""
        for name, value in NAMESPACE_SETTINGS:
            _set(name, value)
        with rtnetlink.Netlink() as inner:
            inner.execute([rtnetlink.set_up("lo")])
        if ports and (trouble := self._packets.run(rules.redirect_names(nameserver.ADDRESS))):
            raise HostError("the kernel refused to redirect names", details=trouble.splitlines()[:10])
        return _complete(host, ports, gateways)


def _complete(host: rtnetlink.Netlink, ports: list[_Port], gateways: tuple[str, ...]) -> tuple[socket.socket, ...]:
    """In the namespace: an interface for each port that has none, the default routes, the name server's sockets.

    `host` is a socket of the host's namespace: through it the pairs are made there with their other end here.
    """
    if not ports:
        return ()
    here = os.open(netns.THREAD_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with rtnetlink.Netlink() as inner:
            present = {link.name for link in inner.links()}
            for port in ports:
                if port.lease.inside in present:
                    host.execute([rtnetlink.set_master(port.lease.interface, port.bridge_index)])
                else:
                    _attach(host, inner, port, here)
            inner.execute([rtnetlink.add_default_route(gateway) for gateway in gateways])
    finally:
        os.close(here)
    try:
        return nameserver.bind_both()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return ()  # the name server listens already


def _attach(host: rtnetlink.Netlink, inner: rtnetlink.Netlink, port: _Port, namespace_fd: int) -> None:
    lease, bridge = port.lease, port.bridge
    veth = rtnetlink.new_veth(
        lease.interface,
        peer=lease.inside,
        peer_mac=lease.mac,
        namespace_fd=namespace_fd,
        bridge_index=port.bridge_index,
        mtu=bridge.mtu,
    )
    name = lease.interface
    try:
        host.execute([veth])
    except FileExistsError:
        # The same container was disconnected a moment ago, and the kernel has not come to its interfaces yet.
        host.execute([rtnetlink.delete_link(name), veth])
    isolation = [] if bridge.talks else [rtnetlink.isolate(name)]
    host.execute([rtnetlink.without_ipv6(name), rtnetlink.reflect(name), *isolation, rtnetlink.set_up(name)])
    index = socket.if_nametoindex(lease.inside)
    if lease.address6:
        ipv6.admit(lease.inside)
    more = [rtnetlink.add_link_local(index, address) for address in lease.options.link_local]
    if lease.address6 and bridge.side6 is not None:
        more.append(rtnetlink.add_address6(index, lease.address6, bridge.side6.subnet))
    address = rtnetlink.add_address(index, lease.address, bridge.subnet)
    inner.execute([rtnetlink.set_up(lease.inside), address, *more])
    for key, value in lease.options.sysctls.items():
        _set_strictly(key.replace("IFNAME", lease.inside), value)


def _side6(index: int, bridge: Bridge) -> list[rtnetlink.Request]:
    side = bridge.side6
    return [rtnetlink.add_address6(index, side.gateway, side.subnet)] if side is not None else []


def _let_connections_end(namespace: str) -> None:
    """Give up soon on closed connections whose end nobody can acknowledge any more: each holds the namespace, and so its interfaces,
    until it has been repeated often enough (tcp(7), tcp_orphan_retries), which takes minutes by default and a second like this."""
    try:
        netns.inside(namespace, lambda: _set("ipv4/tcp_orphan_retries", "1"))
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOENT):  # no namespace, not there
            raise


def _there(interfaces: Sequence[str]) -> list[tuple[str, int]]:
    """Those that the kernel has not taken away yet, with their numbers."""
    found = []
    for name in interfaces:
        with contextlib.suppress(OSError):  # it is gone
            found.append((name, socket.if_nametoindex(name)))
    return found


def _index(interface: str) -> int:
    try:
        return socket.if_nametoindex(interface)
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno or errno.ENODEV), interface) from error


def _set(name: str, value: str) -> None:
    """Write a setting of /proc/sys/net, which is that of the calling thread's namespace, unless it is so."""
    path = "/proc/sys/net/" + name
    try:
        with open(path, encoding="ascii") as setting:
            if setting.read().split() == value.split():
                return
        with open(path, "w", encoding="ascii") as setting:
            setting.write(value)
    except FileNotFoundError:
        return  # a kernel without IPv6, or older than the setting: then there is nothing to set


def _set_strictly(key: str, value: str) -> None:
    """Write a setting that the user asked for by its name as of sysctl(8). Raises OSError."""
    path = f"/proc/sys/{key.replace('.', '/')}"
    if not key.startswith(_INTERFACE_SETTINGS):
        raise OSError(errno.EPERM, "it is not one of the interface's settings", key)
    with open(path, "w", encoding="ascii") as setting:
        setting.write(value)


def _translated(error: OSError) -> HostError:
    what = error.filename or "network"
    if error.errno in (errno.EPERM, errno.EACCES):
        return PermissionNeeded(f"{what}: {error.strerror}", hint="networks need root: run with sudo")
    if error.errno == errno.EOPNOTSUPP:
        return HostError(
            f"{what}: the kernel lacks this", hint="load the modules bridge and veth: modprobe bridge veth"
        )
    return HostError(f"{what}: {error.strerror}")
