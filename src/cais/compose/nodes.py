"""The tree between text and model: every node keeps the place it was written at, and after merging the node that it took the place of (`over`).

Passes make new nodes and change none, so anchors may share them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from cais.errors import Span

Value = str | int | float | bool | None
Plain = Value | list["Plain"] | dict[str, "Plain"]
Path = tuple[str | int, ...]

RESET = "!reset"
OVERRIDE = "!override"


class ScalarNode(msgspec.Struct, frozen=True):
    """A scalar. `text` is what was written; `shift` the characters from the span's start to the first of `text` (a quote), -1 if text and source differ."""

    value: Value
    span: Span
    text: str = ""
    shift: int = -1
    tag: str = ""
    over: Node | None = None

    def at(self, offset: int, length: int = 1) -> Span:
        """The place of the character `offset` of the text, as exactly as the source allows."""
        if self.shift < 0:
            return self.span
        return Span(self.span.file, self.span.line, self.span.column + self.shift + offset, length)


class ListNode(msgspec.Struct, frozen=True):
    """A sequence."""

    items: tuple[Node, ...]
    span: Span
    tag: str = ""
    over: Node | None = None


class MapNode(msgspec.Struct, frozen=True):
    """A mapping in the order of the text; `keys` holds where each key stands."""

    items: dict[str, Node]
    keys: dict[str, Span]
    span: Span
    tag: str = ""
    over: Node | None = None

    def get(self, key: str) -> Node | None:
        """The value of `key`, or None."""
        return self.items.get(key)

    def key_span(self, key: str) -> Span:
        """Where `key` stands."""
        return self.keys.get(key, self.span)

    def replacing(self, items: Mapping[str, Node]) -> MapNode:
        """The same mapping with other entries; keys that are new take the place of their value."""
        keys = {key: self.keys.get(key) or node.span for key, node in items.items()}
        return MapNode(dict(items), keys, self.span, self.tag, self.over)


Node = ScalarNode | ListNode | MapNode


def is_null(node: Node) -> bool:
    """Whether nothing is said: an empty value without a tag."""
    return isinstance(node, ScalarNode) and node.value is None and not node.tag


def scalar(value: Value, span: Span) -> ScalarNode:
    """A scalar that a pass makes; it points at the text it was made from."""
    return ScalarNode(value, span, value if isinstance(value, str) else "")


def mapping(entries: dict[str, Node], span: Span) -> MapNode:
    """A mapping that a pass makes."""
    return MapNode(entries, {key: node.span for key, node in entries.items()}, span)


def to_plain(node: Node) -> Plain:
    """The node's value as plain Python data, without the `!reset` parts."""
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, MapNode):
        return {key: to_plain(value) for key, value in node.items.items() if value.tag != RESET}
    return [to_plain(item) for item in node.items if item.tag != RESET]


def kind_of(node: Node) -> str:
    """What a node is, in words for a message."""
    if isinstance(node, MapNode):
        return "a mapping"
    if isinstance(node, ListNode):
        return "a list"
    if node.value is None:
        return "empty"
    if isinstance(node.value, bool):
        return f"the boolean {'true' if node.value else 'false'}"
    return f'the text "{node.value}"' if isinstance(node.value, str) else f"the number {node.text or node.value}"


def find(node: Node, path: Path) -> tuple[Node, Span]:
    """The node at `path` and the place to show for it (its key, where it has one), or its nearest ancestor's."""
    span = node.span
    for step in path:
        if isinstance(node, MapNode) and isinstance(step, str) and step in node.items:
            span = node.key_span(step)
            node = node.items[step]
        elif isinstance(node, ListNode) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            span = node.span
        else:
            break
    return node, span


def scalars_of(node: Node) -> Iterator[ScalarNode]:
    """Every scalar below `node`, in the order of the text."""
    if isinstance(node, ScalarNode):
        yield node
        return
    for item in node.items.values() if isinstance(node, MapNode) else node.items:
        yield from scalars_of(item)
