"""Forms of lists and of lists that stand for mappings: `KEY=value`, hosts, commands."""

from __future__ import annotations

from cais.compose.forms.base import Context, Form, refuse, text
from cais.compose.nodes import RESET, ListNode, MapNode, Node, Path, ScalarNode, is_null, scalar
from cais.compose.schema import where


def each(form: Form) -> Form:
    """A list with one form for its items; what an item was refused for has been told."""

    def of_list(node: Node, at: Path, context: Context) -> Node | None:
        if not isinstance(node, ListNode):
            return refuse(node, at, context, "a list")
        made = [
            item if item.tag == RESET else form(item, (*at, index), context) for index, item in enumerate(node.items)
        ]
        return ListNode(tuple(item for item in made if item is not None), node.span, node.tag)

    return of_list


texts = each(text)


def one_or_more(node: Node, at: Path, context: Context) -> Node | None:
    """A text or a list of texts."""
    if isinstance(node, ScalarNode) and node.value is not None:
        made = text(node, at, context)
        return ListNode((made,), node.span, node.tag) if made is not None else None
    return texts(node, at, context)


def entries(*, bare: str | None) -> Form:
    """`KEY=value` lists and mappings become mappings of texts. `bare` is the value of a key that has none."""

    def form(node: Node, at: Path, context: Context) -> Node | None:
        if isinstance(node, ListNode):
            return _from_list(node, at, context, bare)
        if not isinstance(node, MapNode):
            return refuse(node, at, context, 'a mapping or a list of "KEY=value"')
        items: dict[str, Node] = {}
        for key, value in node.items.items():
            if is_null(value):
                items[key] = scalar(bare, value.span)
            else:
                made = value if value.tag else text(value, (*at, key), context)
                if made is not None:
                    items[key] = made
        return node.replacing(items)

    return form


def _from_list(node: ListNode, at: Path, context: Context, bare: str | None) -> Node:
    items: dict[str, Node] = {}
    for index, item in enumerate(node.items):
        made = text(item, (*at, index), context)
        if isinstance(made, ScalarNode):
            key, equals, value = str(made.value).partition("=")
            if not key:
                context.problems.error(f'an entry of {where(at)} has no name before its "="', item.span)
                continue
            if key[-1].isspace() and bare is None:
                context.problems.error(f'"{key}" in {where(at)} ends in a blank', item.span, 'write "NAME=value"')
                continue
            items[key] = ScalarNode(value if equals else bare, item.span, value)
    return MapNode(items, {key: value.span for key, value in items.items()}, node.span, node.tag)


environment = entries(bare=None)
labels = entries(bare="")


def keyed(default: Form, of_item: Form) -> Form:
    """A list of names, or a mapping from names: becomes a mapping; `default` makes the value for a bare name."""

    def form(node: Node, at: Path, context: Context) -> Node | None:
        items: dict[str, Node] = {}
        if isinstance(node, ListNode):
            for index, item in enumerate(node.items):
                name = text(item, (*at, index), context)
                made = default(item, (*at, index), context)
                if isinstance(name, ScalarNode) and made is not None:
                    items[str(name.value)] = made
            return MapNode(items, {key: value.span for key, value in items.items()}, node.span, node.tag)
        if not isinstance(node, MapNode):
            return refuse(node, at, context, "a list of names or a mapping")
        for key, value in node.items.items():
            made = value if value.tag else of_item(value, (*at, key), context)
            if made is not None:
                items[key] = made
        return node.replacing(items)

    return form


def hosts(node: Node, at: Path, context: Context) -> Node | None:
    """`extra_hosts`: `name=address` or `name:address` (IPv6 also in brackets), or a mapping; becomes a mapping from name to a list of addresses."""
    found: dict[str, list[Node]] = {}
    if isinstance(node, ListNode):
        pairs = [(item, (*at, index), *_host(item)) for index, item in enumerate(node.items)]
    elif isinstance(node, MapNode):
        pairs = [
            (item, (*at, key), key, _address(item))
            for key, value in node.items.items()
            for item in (value.items if isinstance(value, ListNode) else (value,))
        ]
    else:
        return refuse(node, at, context, "a list or a mapping")
    for item, path, name, address in pairs:
        if not name or not address:
            refuse(item, path, context, 'of the form "name=address"')
            continue
        found.setdefault(name, []).append(scalar(address, item.span))
    lists: dict[str, Node] = {name: ListNode(tuple(addresses), addresses[0].span) for name, addresses in found.items()}
    keys = {name: item.span for name, item in lists.items()}
    return MapNode(lists, keys, node.span, node.tag)


def _host(item: Node) -> tuple[str, str]:
    written = str(item.value) if isinstance(item, ScalarNode) else ""
    separator = "=" if "=" in written else ":"
    name, _, address = written.partition(separator)
    return name, address.strip("[]")


def _address(item: Node) -> str:
    return str(item.value).strip("[]") if isinstance(item, ScalarNode) and item.value is not None else ""


def command(node: Node, at: Path, context: Context) -> Node | None:
    """`command`, `entrypoint`: a list, or a line that is cut into words as a shell would. Null means "as the image has it"."""
    if isinstance(node, ScalarNode) and node.value is None:
        return node
    if isinstance(node, ListNode):
        return texts(node, at, context)
    line = text(node, at, context)
    if not isinstance(line, ScalarNode):
        return None
    if context.is_open(str(line.value)):
        return line
    from cais.compose.words import WordError, split

    try:
        words, rest = split(str(line.value))
    except WordError as error:
        context.problems.error(f"{where(at)}: {error}", node.span, "close it, or write the command as a list")
        return None
    if rest:
        hint = 'a command is no shell line; write ["sh", "-c", "..."] for a shell to run it'
        context.problems.warn(f'{where(at)} ends before "{rest[:20]}", as in Docker Compose', node.span, hint)
    return ListNode(tuple(scalar(word, node.span) for word in words), node.span, node.tag)
