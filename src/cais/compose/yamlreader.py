"""YAML text -> nodes with their places. The parser is libyaml through PyYAML's events, turned to nodes without recursion.

Hostile input is bounded: depth, and size after aliases are expanded ("billion laughs").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cais.compose import scalars
from cais.compose.nodes import OVERRIDE, RESET, ListNode, MapNode, Node, ScalarNode, Value
from cais.compose.problems import Problems
from cais.errors import Span

if TYPE_CHECKING:
    from yaml.error import Mark

MAX_DEPTH = 100
MAX_NODES = 500_000

_STANDARD = "tag:yaml.org,2002:"
_MERGE = "<<"
_MERGING = "\0<<"  # stands for the merge key while its value is read; no text of YAML can hold a NUL


def read(text: str, file: str, problems: Problems) -> list[Node]:
    """The documents of `text`; what is wrong goes to `problems`, and what cannot be read is left out."""
    from yaml import YAMLError
    from yaml._yaml import CParser

    builder = _Builder(file, problems)
    # a last line without its end confuses the marks that libyaml gives for unfinished values
    parser = CParser(text if text.endswith("\n") or not text else text + "\n")
    try:
        while builder.going:
            event: Any = parser.get_event()  # PyYAML's events share no typed base
            if event is None:
                break
            builder.take(event)
    except YAMLError as error:
        _tell(error, file, text, problems)
        return []
    finally:
        parser.dispose()
    return builder.documents


def _tell(error: Exception, file: str, text: str, problems: Problems) -> None:
    mark: Mark | None = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    what = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable text")
    if mark is None:
        position = getattr(error, "position", None)
        before = text[: position if isinstance(position, int) else 0]
        span = Span(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
    else:
        span = Span(file, mark.line + 1, mark.column + 1)
    context = getattr(error, "context", None)
    hint = None
    line = text.splitlines()[span.line - 1] if 0 < span.line <= len(text.splitlines()) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        hint = "YAML is indented with spaces, not with tabs"
    elif "mapping values are not allowed" in what:
        hint = 'a value that contains ": " needs quotes, and a key must stand at the same column as its neighbours'
    elif isinstance(context, str):
        hint = context
    problems.error(f"not valid YAML: {what}", span, hint)


class _Frame:
    """A collection that is being read."""

    __slots__ = ("anchor", "items", "key", "keys", "merges", "nodes", "size", "span", "tag")

    def __init__(self, span: Span, tag: str, anchor: str | None, *, is_map: bool) -> None:
        self.span = span
        self.tag = tag
        self.anchor = anchor
        self.items: dict[str, Node] | None = {} if is_map else None
        self.keys: dict[str, Span] = {}
        self.nodes: list[Node] = []
        self.key: str | None = None
        self.merges: list[MapNode] = []
        self.size = 1


class _Builder:
    """Takes parser events one by one and keeps the open collections on a stack."""

    def __init__(self, file: str, problems: Problems) -> None:
        from yaml import events

        self.documents: list[Node] = []
        self.going = True
        self._file = file
        self._problems = problems
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Node, int] | None] = {}
        self._takers: dict[type, Callable[[Any], None]] = {
            events.ScalarEvent: self._scalar,
            events.AliasEvent: self._alias,
            events.MappingStartEvent: self._open_map,
            events.SequenceStartEvent: self._open_list,
            events.MappingEndEvent: self._close,
            events.SequenceEndEvent: self._close,
            events.DocumentStartEvent: self._begin,
        }

    def take(self, event: Any) -> None:  # noqa: ANN401 # PyYAML's events share no typed base
        """Take one event."""
        taker = self._takers.get(type(event))
        if taker is not None:
            taker(event)

    def _begin(self, _event: Any) -> None:  # noqa: ANN401
        self._anchors = {}

    def _span(self, event: Any) -> Span:  # noqa: ANN401
        start, end = event.start_mark, event.end_mark
        length = end.index - start.index if start.line == end.line else 1
        return Span(self._file, start.line + 1, start.column + 1, length or 1)

    def _scalar(self, event: Any) -> None:  # noqa: ANN401
        span = self._span(event)
        text: str = event.value
        source = event.end_mark.index - event.start_mark.index
        if "\0" in text:
            self._problems.error("text cannot hold the character NUL", span)
        plain = event.implicit[0]
        shift = 0 if source == len(text) else 1 if source == len(text) + 2 and event.style in {"'", '"'} else -1
        tag = event.tag or ""
        value: Value = scalars.resolve(text) if plain else text
        if tag and not plain:
            value, tag = self._tagged(tag, text, span, quoted=bool(event.style))
        node = ScalarNode(value, span, text, shift, tag)
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.items is not None and frame.key is None:
            self._key(frame, node, is_merge=plain and text == _MERGE)
            if event.anchor:
                self._anchors[event.anchor] = (node, 1)
            return
        self._put(node, 1, event.anchor)

    def _tagged(self, tag: str, text: str, span: Span, *, quoted: bool) -> tuple[Value, str]:
        if tag in {RESET, OVERRIDE}:
            return text if quoted else scalars.resolve(text), tag
        if tag in {"!", _STANDARD + "str", _STANDARD + "binary"}:
            return text, ""
        value = scalars.resolve(text)
        kind = tag.removeprefix(_STANDARD)
        fits = {"int": int, "float": (int, float), "bool": bool, "null": type(None)}.get(kind)
        if fits is None:
            self._unknown_tag(tag, span)
        elif not isinstance(value, fits):  # type: ignore[arg-type] # a table of types is not a type to mypy
            self._problems.error(f'"{text}" is not a value of type "{kind}", which its tag demands', span)
        elif kind == "float" and not isinstance(value, bool):
            value = scalars.as_number(value)
        return value, ""

    def _unknown_tag(self, tag: str, span: Span) -> None:
        self._problems.error(f'unknown YAML tag "{tag}"', span, 'Compose knows "!reset" and "!override"')

    def _key(self, frame: _Frame, node: ScalarNode, *, is_merge: bool) -> None:
        if is_merge:
            frame.key = _MERGING
            return
        key = node.value
        if not isinstance(key, str):
            self._problems.error(f'the key "{node.text}" is not text', node.span, "put it in quotes")
            key = node.text
        if key in frame.keys:
            first = frame.keys[key]
            self._problems.error(
                f'the key "{key}" stands twice in this mapping, first in line {first.line}',
                node.span,
                "remove one of them",
            )
        frame.key = key
        frame.keys[key] = node.span

    def _alias(self, event: Any) -> None:  # noqa: ANN401
        span = self._span(event)
        known = self._anchors.get(event.anchor)
        if known is None:
            reason = "is part of itself" if event.anchor in self._anchors else "is not defined before this place"
            self._problems.error(f'the anchor "{event.anchor}" {reason}', span)
            known = (ScalarNode(None, span), 1)
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.items is not None and frame.key is None:
            if isinstance(known[0], ScalarNode):
                self._key(frame, ScalarNode(known[0].value, span, known[0].text), is_merge=False)
            else:
                self._problems.error("a mapping or list cannot be a key", span)
                frame.key = ""
            return
        self._put(known[0], known[1], None)

    def _open_map(self, event: Any) -> None:  # noqa: ANN401
        self._open(event, is_map=True)

    def _open_list(self, event: Any) -> None:  # noqa: ANN401
        self._open(event, is_map=False)

    def _open(self, event: Any, *, is_map: bool) -> None:  # noqa: ANN401
        start = event.start_mark
        span = Span(self._file, start.line + 1, start.column + 1)
        tag = event.tag or ""
        if tag and tag not in {RESET, OVERRIDE}:
            if tag not in {"!", _STANDARD + "map", _STANDARD + "seq"}:
                self._unknown_tag(tag, span)
            tag = ""
        if event.anchor:
            self._anchors[event.anchor] = None
        self._stack.append(_Frame(span, tag, event.anchor, is_map=is_map))
        if len(self._stack) > MAX_DEPTH:
            self._problems.error(f"nested more than {MAX_DEPTH} levels deep", span)
            self.going = False

    def _close(self, _event: Any) -> None:  # noqa: ANN401
        frame = self._stack.pop()
        node: Node
        if frame.items is None:
            node = ListNode(tuple(frame.nodes), frame.span, frame.tag)
        else:
            items, keys = _with_merges(frame)
            node = MapNode(items, keys, frame.span, frame.tag)
        parent = self._stack[-1] if self._stack else None
        if parent is not None and parent.items is not None and parent.key is None:
            self._problems.error("a mapping or list cannot be a key", frame.span)
            parent.key = ""
            return
        self._put(node, frame.size, frame.anchor)

    def _put(self, node: Node, size: int, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = (node, size)
        if not self._stack:
            self.documents.append(node)
            return
        frame = self._stack[-1]
        frame.size += size
        if frame.size > MAX_NODES:
            self._problems.error(
                f"more than {MAX_NODES} values once the aliases are put in",
                node.span,
                "an alias of aliases grows very fast",
            )
            self.going = False
        elif frame.items is None:
            frame.nodes.append(node)
        elif frame.key == _MERGING:
            self._merge(frame, node)
            frame.key = None
        elif frame.key is not None:
            frame.items[frame.key] = node
            frame.key = None

    def _merge(self, frame: _Frame, node: Node) -> None:
        for source in node.items if isinstance(node, ListNode) else (node,):
            if isinstance(source, MapNode):
                frame.merges.append(source)
            else:
                self._problems.error(
                    '"<<" takes a mapping or a list of mappings', source.span, "name an anchor with an asterisk"
                )


def _with_merges(frame: _Frame) -> tuple[dict[str, Node], dict[str, Span]]:
    """The mapping's own entries and, behind them, those that "<<" brings: an own key wins, then an earlier source."""
    items = frame.items or {}
    for source in frame.merges:
        for key, value in source.items.items():
            if key not in items:
                items[key] = value
                frame.keys[key] = source.key_span(key)
    return items, frame.keys
