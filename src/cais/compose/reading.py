"""Reads parts of a canonical tree by name, for the passes that look at few of them."""

from __future__ import annotations

from collections.abc import Iterator

from cais.compose.nodes import ListNode, MapNode, Node, ScalarNode, Value
from cais.errors import Span


def child(node: Node | None, *path: str) -> Node | None:
    """The node at `path` below `node`, or None."""
    for step in path:
        node = node.get(step) if isinstance(node, MapNode) else None
    return node


def value(node: Node | None, *path: str) -> Value:
    """The value at `path`, None when there is none (or it is a collection)."""
    found = child(node, *path)
    return found.value if isinstance(found, ScalarNode) else None


def text(node: Node | None, *path: str) -> str:
    """The text at `path`, "" when there is none."""
    found = value(node, *path)
    return found if isinstance(found, str) else ""


def entries(node: Node | None, *path: str) -> Iterator[tuple[str, Node, Span]]:
    """Name, value and place of each entry of the mapping at `path`."""
    found = child(node, *path)
    if isinstance(found, MapNode):
        for key, entry in found.items.items():
            yield key, entry, found.key_span(key)


def items(node: Node | None, *path: str) -> tuple[Node, ...]:
    """The items of the list at `path`."""
    found = child(node, *path)
    return found.items if isinstance(found, ListNode) else ()


def texts(node: Node | None, *path: str) -> list[tuple[str, Span]]:
    """The texts of the list at `path`, with their places."""
    return [
        (item.value, item.span)
        for item in items(node, *path)
        if isinstance(item, ScalarNode) and isinstance(item.value, str)
    ]
