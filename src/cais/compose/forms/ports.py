"""`ports`: `[HOST_IP:][HOST:]CONTAINER[/PROTOCOL]` with ranges, and the long form (Compose Specification, 05-services.md, "ports")."""

from __future__ import annotations

from cais.compose.forms.base import Context, integer, is_ip_address, refuse, table, text
from cais.compose.nodes import ListNode, MapNode, Node, Path, ScalarNode, mapping, scalar
from cais.compose.schema import where
from cais.errors import Span

_PROTOCOLS = ("tcp", "udp", "sctp")
_LAST_PORT = 65535
ANY_FREE = "0"  # as a published port: any that is free, as when none is given


class _BadPort(ValueError):
    """A port that is not one; the message says why."""


def ports(node: Node, at: Path, context: Context) -> Node | None:
    """Every port in long form; ranges that map one to one are expanded."""
    if not isinstance(node, ListNode):
        return refuse(node, at, context, "a list")
    made: list[Node] = []
    for index, item in enumerate(node.items):
        path = (*at, index)
        if isinstance(item, MapNode):
            made += _long(item, path, context)
        elif isinstance(told := text(item, path, context), ScalarNode):
            try:
                made += _short(str(told.value), item.span)
            except _BadPort as error:
                if context.is_open(str(told.value)):
                    made.append(told)
                    continue
                context.problems.error(
                    f'{where(path)}: "{told.value}" is not a port: {error}',
                    item.span,
                    'a port is "[HOST_IP:][HOST:]CONTAINER[/PROTOCOL]"',
                )
    return ListNode(tuple(made), node.span, node.tag)


_LONG = table(
    {
        "target": integer,
        "published": text,
        "host_ip": text,
        "protocol": text,
        "mode": text,
        "name": text,
        "app_protocol": text,
    }
)


def _long(item: MapNode, at: Path, context: Context) -> list[Node]:
    made = _LONG(item, at, context)
    if not isinstance(made, MapNode):
        return []
    target = made.get("target")
    published = made.get("published")
    if any(context.is_open(_value(made, key)) for key in made.items):
        return [made]
    try:
        if not isinstance(target, ScalarNode) or not isinstance(target.value, int):
            raise _BadPort('it has no "target"')
        _check_range(target.value, target.value)
        if isinstance(published, ScalarNode) and published.value not in {"", ANY_FREE}:
            _range(str(published.value))
        _check_protocol(_value(made, "protocol") or "tcp")
        _check_address(_value(made, "host_ip"))
    except _BadPort as error:
        context.problems.error(f"{where(at)} is not a port: {error}", item.span)
        return []
    return [made.replacing({"mode": scalar("ingress", item.span), "protocol": scalar("tcp", item.span), **made.items})]


def _value(node: MapNode, key: str) -> str:
    value = node.get(key)
    return str(value.value) if isinstance(value, ScalarNode) else ""


def _short(written: str, span: Span) -> list[Node]:
    rest, _, protocol = written.partition("/")
    protocol = protocol.lower() or "tcp"
    _check_protocol(protocol)
    host, _, container = rest.rpartition(":")
    host_ip = ""
    if host:
        host_ip, _, host = host.rpartition(":")
        host_ip = host_ip.strip("[]")
        _check_address(host_ip)
    if not container:
        raise _BadPort("no container port is given")
    first, last = _range(container)
    if not host or host == ANY_FREE:
        return [_port(span, target, host, host_ip, protocol) for target in range(first, last + 1)]
    host_first, host_last = _range(host)
    if first == last:
        return [_port(span, first, host, host_ip, protocol)]
    if host_last - host_first != last - first:
        raise _BadPort(f"the ranges {host} and {container} have different lengths")
    return [_port(span, first + n, str(host_first + n), host_ip, protocol) for n in range(last - first + 1)]


def _port(span: Span, target: int, published: str, host_ip: str, protocol: str) -> Node:
    items: dict[str, Node] = {
        "mode": scalar("ingress", span),
        "target": scalar(target, span),
        "protocol": scalar(protocol, span),
    }
    if published:
        items["published"] = scalar(published, span)
    if host_ip:
        items["host_ip"] = scalar(host_ip, span)
    return mapping(items, span)


def _range(written: str) -> tuple[int, int]:
    first, dash, last = written.partition("-")
    ends = (first, last if dash else first)
    if not all(end.isascii() and end.isdecimal() and len(end) <= len(str(_LAST_PORT)) for end in ends):
        raise _BadPort(f'"{written}" is neither a port number nor a range of them')
    return _check_range(int(ends[0]), int(ends[1]))


def _check_range(first: int, last: int) -> tuple[int, int]:
    if not 0 < first <= last <= _LAST_PORT:
        raise _BadPort(f"ports lie between 1 and {_LAST_PORT}" if first <= last else "the range ends before it begins")
    return first, last


def _check_protocol(protocol: str) -> None:
    if protocol not in _PROTOCOLS:
        raise _BadPort(f'"{protocol}" is none of {", ".join(_PROTOCOLS)}')


def _check_address(address: str) -> None:
    if address and not is_ip_address(address):
        raise _BadPort(f'"{address}" is not an IP address')
