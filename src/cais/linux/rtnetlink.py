"""Links, addresses and routes over a netlink socket (rtnetlink(7)): no process, a tenth of a millisecond a request.

Requests are pure values (`new_bridge(...)` and so on give a `Request`); a `Netlink` carries them out in the network namespace in which it was opened.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from typing import Self, TypeVar

import msgspec

from cais.linux import addresses6
from cais.linux.addresses import Subnet, address_bytes
from cais.linux.addresses6 import Subnet6

# linux/netlink.h
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP, NLM_F_EXCL, NLM_F_CREATE = 0x1, 0x4, 0x300, 0x200, 0x400
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLA_F_NESTED = 0x8000
# linux/rtnetlink.h
RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_NEWADDR, RTM_GETADDR = 20, 22
RTM_NEWROUTE, RTM_GETROUTE = 24, 26
RT_TABLE_MAIN, RTPROT_STATIC, RT_SCOPE_UNIVERSE, RT_SCOPE_LINK, RTN_UNICAST = 254, 4, 0, 253, 1
LINK_LOCAL_PREFIX = 16
# linux/if_link.h, linux/if_addr.h, linux/veth.h
IFLA_MTU = 4
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MASTER, IFLA_PROTINFO, IFLA_LINKINFO, IFLA_AF_SPEC, IFLA_NET_NS_FD = (
    1,
    3,
    10,
    12,
    18,
    26,
    28,
)
IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE = 8, 1
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 1, 2, 1
IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA, IFLA_BRPORT_MODE = 4, 5, 4
IFLA_BRPORT_STATE, IFLA_BRPORT_LEARNING, IFLA_BRPORT_FLUSH, IFLA_BRPORT_ISOLATED = 1, 8, 24, 33
AF_BRIDGE = 7  # sys/socket.h
IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST = 1, 2, 4
IFA_F_NODAD = 2
RTA_DST, RTA_GATEWAY = 1, 5
IFF_UP = 1

_Kind = TypeVar("_Kind", bound=Subnet)

_HEADER = struct.Struct("=IHHII")
_LINK = struct.Struct("=BxHiII")
_ADDRESS = struct.Struct("=BBBBI")
_ROUTE = struct.Struct("=BBBBBBBBI")
_ATTRIBUTE = struct.Struct("=HH")
_RECEIVE_BYTES = 1 << 16


class Request(msgspec.Struct, frozen=True):
    """One message to the kernel. `doing` is what it is for, in words; `tolerated` are errno values that mean "is so already"."""

    doing: str
    kind: int
    flags: int
    body: bytes
    tolerated: frozenset[int] = frozenset()


class Link(msgspec.Struct, frozen=True):
    """A network interface as the kernel lists it."""

    index: int
    name: str
    kind: str


def new_bridge(name: str, mac: str) -> Request:
    """Make a bridge. A given hardware address stays; otherwise it would follow the bridge's ports and spoil the neighbours' caches."""
    body = _link(0) + _text(IFLA_IFNAME, name) + _attribute(IFLA_ADDRESS, _mac(mac)) + _kind("bridge")
    return Request(f"make bridge {name}", RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body, frozenset({errno.EEXIST}))


def new_veth(name: str, *, peer: str, peer_mac: str, namespace_fd: int, bridge_index: int, mtu: int = 0) -> Request:
    """Make a veth pair: `name` here as a port of the bridge, `peer` with `peer_mac` in the namespace; `mtu` 0 is the kernel's own."""
    size = _number(IFLA_MTU, mtu) if mtu else b""
    inside = _link(0) + _text(IFLA_IFNAME, peer) + _attribute(IFLA_ADDRESS, _mac(peer_mac)) + size
    inside += _number(IFLA_NET_NS_FD, namespace_fd)
    body = _link(0) + _text(IFLA_IFNAME, name) + _number(IFLA_MASTER, bridge_index) + size
    body += _kind("veth", _attribute(VETH_INFO_PEER, inside))
    return Request(f"make interface {name}", RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body)


def set_mtu(name: str, mtu: int) -> Request:
    """Set the size of an interface's largest packet, in bytes."""
    body = _link(0) + _text(IFLA_IFNAME, name) + _number(IFLA_MTU, mtu)
    return Request(f"set the MTU of {name} to {mtu}", RTM_SETLINK, 0, body)


def isolate(name: str) -> Request:
    """Let a bridge's port reach the bridge and no other such port."""
    slave = _text(IFLA_INFO_SLAVE_KIND, "bridge")
    slave += _attribute(IFLA_INFO_SLAVE_DATA, _attribute(IFLA_BRPORT_ISOLATED, bytes([1])))
    body = _link(0) + _text(IFLA_IFNAME, name) + _attribute(IFLA_LINKINFO, slave)
    return Request(f"isolate {name} on its bridge", RTM_NEWLINK, 0, body)


def set_up(name: str) -> Request:
    """Switch an interface on."""
    return Request(f"switch on {name}", RTM_SETLINK, 0, _link(0, IFF_UP) + _text(IFLA_IFNAME, name))


def set_master(name: str, bridge_index: int) -> Request:
    """Make an interface a port of the bridge with that index; the same again is fine, and so is no such interface."""
    body = _link(0) + _text(IFLA_IFNAME, name) + _number(IFLA_MASTER, bridge_index)
    return Request(f"add {name} to its bridge", RTM_SETLINK, 0, body, frozenset({errno.ENODEV}))


def reflect(name: str) -> Request:
    """Let a bridge send a frame back to the port it came from: with br_netfilter that is the way of a container to its own published port."""
    slave = _text(IFLA_INFO_SLAVE_KIND, "bridge")
    slave += _attribute(IFLA_INFO_SLAVE_DATA, _attribute(IFLA_BRPORT_MODE, bytes([1])))
    body = _link(0) + _text(IFLA_IFNAME, name) + _attribute(IFLA_LINKINFO, slave)
    return Request(f"switch on hairpin mode of {name}", RTM_NEWLINK, 0, body)


def retire(name: str, index: int) -> Request:
    """Let nothing pass the bridge's port `index` any more, and forget what was learned of it; no such interface is fine, nor one that is no port.

    Deleting it takes 26 ms, which the kernel does by itself soon after its namespace went; until then nobody must find the old address.
    """
    disabled = bytes([0])
    settings = _attribute(IFLA_BRPORT_LEARNING, disabled) + _attribute(IFLA_BRPORT_STATE, disabled)
    settings += _attribute(IFLA_BRPORT_FLUSH, b"")
    # The bridge's own message: after one of AF_UNSPEC the bridge looks at its port, and switches one that is up on again.
    body = _link(index, family=AF_BRIDGE) + _attribute(IFLA_PROTINFO | NLA_F_NESTED, settings)
    tolerated = frozenset({errno.ENODEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENETDOWN})
    return Request(f"retire interface {name}", RTM_SETLINK, 0, body, tolerated)


def without_ipv6(name: str) -> Request:
    """No link-local address when the interface is switched on: a bridge of a hundred ports would be full of neighbour discovery."""
    mode = _attribute(IFLA_INET6_ADDR_GEN_MODE, bytes([IN6_ADDR_GEN_MODE_NONE]))
    body = _link(0) + _text(IFLA_IFNAME, name) + _attribute(IFLA_AF_SPEC, _attribute(socket.AF_INET6, mode))
    missing = frozenset({errno.EAFNOSUPPORT})  # a kernel without IPv6
    return Request(f"switch off IPv6 on {name}", RTM_SETLINK, 0, body, missing)


def delete_link(name: str) -> Request:
    """Delete an interface (and its veth peer); none is fine."""
    body = _link(0) + _text(IFLA_IFNAME, name)
    return Request(f"delete interface {name}", RTM_DELLINK, 0, body, frozenset({errno.ENODEV}))


def add_address(index: int, address: str, subnet: Subnet) -> Request:
    """Give interface `index` an address within `subnet`; the same one again is fine."""
    packed = address_bytes(address)
    body = _ADDRESS.pack(socket.AF_INET, subnet.prefix, 0, RT_SCOPE_UNIVERSE, index)
    body += _attribute(IFA_LOCAL, packed) + _attribute(IFA_ADDRESS, packed)
    body += _attribute(IFA_BROADCAST, address_bytes(subnet.broadcast))
    return _new_address(index, address, body)


def add_address6(index: int, address: str, subnet: Subnet6) -> Request:
    """Give interface `index` an IPv6 address within `subnet`, good at once (nobody is asked whether it is taken); the same one again is fine."""
    body = _ADDRESS.pack(socket.AF_INET6, subnet.prefix, IFA_F_NODAD, RT_SCOPE_UNIVERSE, index)
    body += _attribute(IFA_ADDRESS, addresses6.address_bytes(address))
    return _new_address(index, address, body)


def add_link_local(index: int, address: str) -> Request:
    """Give interface `index` a link-local address (RFC 3927: of 169.254.0.0/16); the same one again is fine."""
    packed = address_bytes(address)
    body = _ADDRESS.pack(socket.AF_INET, LINK_LOCAL_PREFIX, 0, RT_SCOPE_LINK, index)
    body += _attribute(IFA_LOCAL, packed) + _attribute(IFA_ADDRESS, packed)
    return _new_address(index, address, body)


def _new_address(index: int, address: str, body: bytes) -> Request:
    doing = f"give interface {index} address {address}"
    return Request(doing, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, body, frozenset({errno.EEXIST}))


def add_default_route(gateway: str) -> Request:
    """Send what is for elsewhere (by IPv6 if the gateway is of that kind) to `gateway`; the same route again is fine."""
    if ":" in gateway:
        family, packed = socket.AF_INET6, addresses6.address_bytes(gateway)
    else:
        family, packed = socket.AF_INET, address_bytes(gateway)
    body = _ROUTE.pack(family, 0, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, RT_SCOPE_UNIVERSE, RTN_UNICAST, 0)
    body += _attribute(RTA_GATEWAY, packed)
    doing = f"route to {gateway}"
    return Request(doing, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, body, frozenset({errno.EEXIST}))


class Netlink:
    """A netlink socket. It belongs to the network namespace of the thread that made it, wherever it is used."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._sequence = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def execute(self, requests: Sequence[Request]) -> None:
        """Carry out `requests` in order, in one system call; raises OSError that names the first that failed."""
        if not requests:
            return
        first = self._sequence + 1
        packets = [
            self._packet(request.kind, request.flags | NLM_F_REQUEST | NLM_F_ACK, request.body) for request in requests
        ]
        self._socket.send(b"".join(packets))
        failure: OSError | None = None
        answered = 0
        while answered < len(requests):
            for kind, sequence, payload in _messages(self._socket.recv(_RECEIVE_BYTES)):
                if kind != NLMSG_ERROR or sequence < first:
                    continue
                answered += 1
                request = requests[sequence - first]
                number = -struct.unpack_from("=i", payload)[0]
                if number and number not in request.tolerated and failure is None:
                    failure = OSError(number, os.strerror(number), request.doing)
        if failure is not None:
            raise failure

    def links(self) -> tuple[Link, ...]:
        """All interfaces of the namespace."""
        found = []
        for payload in self._dump(RTM_GETLINK, _link(0)):
            attributes = _attributes(payload, _LINK.size)
            linkinfo = _attributes(attributes.get(IFLA_LINKINFO, b""), 0)
            index = _LINK.unpack_from(payload)[2]
            found.append(Link(index, _string(attributes[IFLA_IFNAME]), _string(linkinfo.get(IFLA_INFO_KIND, b""))))
        return tuple(found)

    def subnets(self, kind: type[_Kind]) -> tuple[_Kind, ...]:
        """What addresses and routes of that kind occupy in the namespace; the default route occupies nothing."""
        family, own = (socket.AF_INET6, IFA_ADDRESS) if issubclass(kind, Subnet6) else (socket.AF_INET, IFA_LOCAL)
        found = []
        for payload in self._dump(RTM_GETADDR, _ADDRESS.pack(family, 0, 0, 0, 0)):
            local = _attributes(payload, _ADDRESS.size).get(own)
            if local is not None:
                found.append(_around(kind, local, payload[1]))
        for payload in self._dump(RTM_GETROUTE, _ROUTE.pack(family, *([0] * 8))):
            destination = _attributes(payload, _ROUTE.size).get(RTA_DST)
            if destination is not None and payload[1]:
                found.append(_around(kind, destination, payload[1]))
        return tuple(found)

    def _packet(self, kind: int, flags: int, body: bytes) -> bytes:
        self._sequence += 1
        return _HEADER.pack(_HEADER.size + len(body), kind, flags, self._sequence, 0) + _padded(body)

    def _dump(self, kind: int, body: bytes) -> Iterator[bytes]:
        self._socket.send(self._packet(kind, NLM_F_REQUEST | NLM_F_DUMP, body))
        while True:
            for answer, _, payload in _messages(self._socket.recv(_RECEIVE_BYTES)):
                if answer == NLMSG_DONE:
                    return
                if answer == NLMSG_ERROR:
                    number = -struct.unpack_from("=i", payload)[0]
                    raise OSError(number, os.strerror(number), "list the network's state")
                yield payload


def _around(kind: type[_Kind], packed: bytes, prefix: int) -> _Kind:
    return kind.around(kind.text(int.from_bytes(packed, "big")), prefix)


def _messages(received: bytes) -> Iterator[tuple[int, int, bytes]]:
    offset = 0
    while offset < len(received):
        length, kind, _, sequence, _ = _HEADER.unpack_from(received, offset)
        yield kind, sequence, received[offset + _HEADER.size : offset + length]
        offset += _aligned(length)


def _attributes(payload: bytes, offset: int) -> dict[int, bytes]:
    found = {}
    while offset + _ATTRIBUTE.size <= len(payload):
        length, kind = _ATTRIBUTE.unpack_from(payload, offset)
        found[kind & 0x3FFF] = payload[offset + _ATTRIBUTE.size : offset + length]
        offset += _aligned(length)
    return found


def _link(index: int, up: int = 0, *, family: int = socket.AF_UNSPEC) -> bytes:
    return _LINK.pack(family, 0, index, up, up)


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + _padded(value)


def _text(kind: int, value: str) -> bytes:
    return _attribute(kind, value.encode() + b"\0")


def _number(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack("=I", value))


def _kind(name: str, specifics: bytes = b"") -> bytes:
    return _attribute(
        IFLA_LINKINFO, _text(IFLA_INFO_KIND, name) + (_attribute(IFLA_INFO_DATA, specifics) if specifics else b"")
    )


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _string(value: bytes) -> str:
    return value.rstrip(b"\0").decode()


def _aligned(length: int) -> int:
    return (length + 3) & ~3


def _padded(value: bytes) -> bytes:
    return value + b"\0" * (_aligned(len(value)) - len(value))
