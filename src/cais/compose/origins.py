"""Where every value of a merged tree was set, and what it took the place of."""

from __future__ import annotations

from collections.abc import Mapping

from cais.compose.model.project import KeyPath, Origins, Replaced
from cais.compose.nodes import ListNode, MapNode, Node, ScalarNode, Value, to_plain
from cais.errors import Span


def origins_of(tree: MapNode, disabled: Mapping[str, MapNode]) -> Origins:
    """The origins of all values of `tree` and of the services that are not enabled."""
    spans: dict[KeyPath, Span] = {}
    replaced: dict[KeyPath, tuple[Replaced, ...]] = {}
    for key, node in tree.items.items():
        _gather(node, (key,), tree.key_span(key), spans, replaced)
    for name, node in disabled.items():
        _gather(node, ("services", name), node.span, spans, replaced)
    return Origins(spans, replaced)


def _gather(
    node: Node,
    path: KeyPath,
    span: Span,
    spans: dict[KeyPath, Span],
    replaced: dict[KeyPath, tuple[Replaced, ...]],
) -> None:
    """The value's own place for scalars, the key's for collections."""
    spans[path] = node.span if isinstance(node, ScalarNode) else span
    if node.over is not None:
        replaced[path] = _chain(node.over)
    if isinstance(node, MapNode):
        for key, value in node.items.items():
            _gather(value, (*path, key), node.key_span(key), spans, replaced)
    elif isinstance(node, ListNode):
        for index, item in enumerate(node.items):
            _gather(item, (*path, index), item.span, spans, replaced)


def _chain(node: Node | None) -> tuple[Replaced, ...]:
    """What stood there before, the last first."""
    found: list[Replaced] = []
    while node is not None:
        found.append(Replaced(_shown(node), node.span))
        node = node.over
    return tuple(found)


def _shown(node: Node) -> Value:
    if isinstance(node, ScalarNode):
        return node.value
    plain = to_plain(node)
    if isinstance(plain, list) and all(isinstance(item, str) for item in plain):
        return str(plain)
    return "a mapping" if isinstance(plain, dict) else "a list"
