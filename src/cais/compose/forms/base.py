"""What a form is, and the forms of single values: text, booleans, numbers, durations, sizes, paths."""

from __future__ import annotations

import os.path
from collections.abc import Callable, Mapping

import msgspec

from cais.compose import quantities, scalars
from cais.compose.nodes import RESET, MapNode, Node, Path, ScalarNode, Value, is_null, kind_of, scalar
from cais.compose.problems import Problems
from cais.compose.schema import where


class Context(msgspec.Struct, frozen=True):
    """What forms need besides the value: where to tell problems, the folder of relative paths ("" keeps paths as written), the folder that `~`
    stands for, and whether variables still stand in the text (`uninterpolated`).
    """

    problems: Problems
    base: str
    home: str
    uninterpolated: bool = False

    def is_open(self, text: str) -> bool:
        """Whether `text` holds a variable that is not put in, so that nothing can be said of it yet."""
        return self.uninterpolated and "$" in text


# A form returns None for a value that it had to refuse; the problem has then been told.
Form = Callable[[Node, Path, Context], Node | None]
Table = Mapping[str, Form]


def refuse(node: Node, at: Path, context: Context, expected: str, hint: str | None = None) -> Node | None:
    """Tell that the value at `at` is not what is `expected`; None, so that a form can end with it."""
    context.problems.error(f"{where(at)} must be {expected}, not {kind_of(node)}", node.span, hint)
    return None


def same(node: Node, _at: Path, _context: Context) -> Node | None:
    """The value as it is: an attribute that is carried but not interpreted."""
    return node


def _converted(node: Node, at: Path, context: Context, convert: Callable[[Value], Value], expected: str) -> Node | None:
    if isinstance(node, ScalarNode) and isinstance(node.value, str) and context.is_open(node.value):
        return node
    value = convert(node.value) if isinstance(node, ScalarNode) else None
    if value is None:
        return refuse(node, at, context, expected)
    return ScalarNode(value, node.span, node.text if isinstance(node, ScalarNode) else "", -1, node.tag)


def text(node: Node, at: Path, context: Context) -> Node | None:
    """Text; a number or boolean becomes what Compose makes of it, with a warning where that is not what was written."""
    if not isinstance(node, ScalarNode) or node.value is None:
        return refuse(node, at, context, "text")
    if isinstance(node.value, str):
        return node
    value = scalars.as_text(node.value)
    if node.text not in {"", value} and not isinstance(node.value, bool):
        hint = f'to keep it as it is written, put it in quotes: "{node.text}"'
        context.problems.warn(f"{where(at)}: {node.text} is a number to YAML and becomes {value}", node.span, hint)
    return ScalarNode(value, node.span, value, -1, node.tag)


def boolean(node: Node, at: Path, context: Context) -> Node | None:
    """A boolean."""
    return _converted(node, at, context, scalars.as_boolean, "true or false")


def integer(node: Node, at: Path, context: Context) -> Node | None:
    """A whole number."""
    return _converted(node, at, context, scalars.as_integer, "a whole number")


def number(node: Node, at: Path, context: Context) -> Node | None:
    """A number."""
    return _converted(node, at, context, scalars.as_number, "a number")


def duration(node: Node, at: Path, context: Context) -> Node | None:
    """A duration; becomes seconds."""
    return _converted(
        node, at, context, lambda v: quantities.parse_duration(scalars.as_text(v)), 'a duration such as "1m30s"'
    )


def microseconds(node: Node, at: Path, context: Context) -> Node | None:
    """A time in microseconds: a number of them, or a duration."""

    def convert(value: Value) -> Value:
        plain = scalars.as_integer(value)
        if plain is not None:
            return plain
        seconds = quantities.parse_duration(scalars.as_text(value))
        return None if seconds is None else round(seconds * 1_000_000)

    return _converted(node, at, context, convert, 'a number of microseconds, or a duration such as "400ms"')


def size(node: Node, at: Path, context: Context) -> Node | None:
    """A size; becomes bytes."""

    def convert(value: Value) -> Value:
        # a number, also one such as 1e9, is one of bytes
        return quantities.parse_size(value) if isinstance(value, str) else scalars.as_integer(value)

    return _converted(node, at, context, convert, 'a size such as "512m"')


def mode(node: Node, at: Path, context: Context) -> Node | None:
    """A file mode: an octal number, or the text of one."""

    def convert(value: Value) -> Value:
        if isinstance(value, str):
            digits = value.strip().lower().removeprefix("0o")
            return (
                int(digits, 8) if digits and all(c in "01234567" for c in digits) and len(digits) < 8 else None
            )  # bits of a mode
        return scalars.as_integer(value)

    return _converted(node, at, context, convert, 'an octal file mode such as "0440"')


def ip_address(node: Node, at: Path, context: Context) -> Node | None:
    """An IPv4 or IPv6 address."""
    written = node.value if isinstance(node, ScalarNode) and isinstance(node.value, str) else ""
    if is_ip_address(written) or context.is_open(written):
        return node
    return refuse(node, at, context, "an IP address")


def is_ip_address(written: str) -> bool:
    """Whether `written` is an IPv4 or IPv6 address."""
    import socket

    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, written)
        except (OSError, ValueError):
            continue
        return True
    return False


def numeric_id(node: Node, at: Path, context: Context) -> Node | None:
    """A user or group as a number: files are given to numbers, names live in images."""
    told = text(node, at, context)
    if not isinstance(told, ScalarNode):
        return None
    written = str(told.value)
    if (written.isascii() and written.isdecimal()) or context.is_open(written):
        return told
    return refuse(node, at, context, "a number of a user or group")


def choice(*words: str) -> Form:
    """One of some words."""

    def form(node: Node, at: Path, context: Context) -> Node | None:
        if isinstance(node, ScalarNode) and (node.value in words or context.is_open(str(node.value))):
            return node
        return refuse(node, at, context, "one of " + ", ".join(f'"{word}"' for word in words))

    return form


def absolute(path: str, context: Context) -> str:
    """A host path made absolute against the folder of relative paths; `~` is the home folder. An absolute one is kept as written."""
    if not context.base or context.is_open(path[:2]):
        return path
    if path.startswith("~"):
        return os.path.normpath(f"{context.home}/{path[1:]}")
    if path.startswith("/") or context.is_open(path):
        return os.path.join(context.base, path.removeprefix("./"))
    return os.path.normpath(os.path.join(context.base, path))


def is_remote(location: str) -> bool:
    """Whether a build context or include is a URL rather than a folder (Compose Build Specification, "context")."""
    return "://" in location or location.startswith(("git@", "github.com/"))


def host_path(node: Node, at: Path, context: Context) -> Node | None:
    """A path on the host, absolute."""
    told = text(node, at, context)
    return scalar(absolute(str(told.value), context), node.span) if isinstance(told, ScalarNode) else None


def table(forms: Table, *, strict: bool = False) -> Form:
    """A mapping with a form for each key. Other keys are carried as they are, or with `strict` told as unknown."""

    def form(node: Node, at: Path, context: Context) -> Node | None:
        if isinstance(node, ScalarNode) and node.value is None and not strict:
            return MapNode({}, {}, node.span, node.tag)
        if not isinstance(node, MapNode):
            return refuse(node, at, context, "a mapping")
        return apply(forms, node, at, context, strict=strict)

    return form


def or_nothing(form: Form) -> Form:
    """An entry that may have no value, which then stays empty."""
    return lambda node, at, context: node if is_null(node) else form(node, at, context)


def optional(form: Form) -> Form:
    """An attribute that may be written without a value, and then says nothing."""

    def made(node: Node, at: Path, context: Context) -> Node | None:
        return None if is_null(node) else form(node, at, context)

    return made


def apply(forms: Table, node: MapNode, at: Path, context: Context, *, strict: bool = False) -> MapNode:
    """`node` with each value in its canonical form; what was refused is left out."""
    items: dict[str, Node] = {}
    for key, value in node.items.items():
        form = forms.get(key)
        if form is None:
            if strict:
                _unknown(key, node, at, context, list(forms))
            items[key] = value
            continue
        made = value if value.tag == RESET else form(value, (*at, key), context)
        if made is not None:
            items[key] = retag(made, value)
    return node.replacing(items)


def _unknown(key: str, node: MapNode, at: Path, context: Context, known: list[str]) -> None:
    from cais.compose.problems import nearest

    hint = nearest(key, known) or f"known are: {', '.join(known)}"
    context.problems.error(f'unknown attribute "{key}" in {where(at)}', node.key_span(key), hint)


def retag(made: Node, source: Node) -> Node:
    """`made` with the tag (`!override`) of what it was made from."""
    return msgspec.structs.replace(made, tag=source.tag) if source.tag != made.tag else made
