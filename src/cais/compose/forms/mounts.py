"""`volumes` of a service: `[SOURCE:]TARGET[:OPTIONS]` and the long form (Compose Specification, 05-services.md, "volumes")."""

from __future__ import annotations

import os.path

from cais.compose.forms.base import Context, absolute, boolean, choice, mode, refuse, size, table, text
from cais.compose.forms.lists import each, labels
from cais.compose.nodes import MapNode, Node, Path, ScalarNode, Value, mapping, scalar
from cais.compose.schema import where
from cais.errors import Span

_PROPAGATIONS = ("private", "rprivate", "shared", "rshared", "slave", "rslave")
_CONSISTENCIES = ("consistent", "cached", "delegated")
# what an option of the short form sets: the group, the attribute in it, its value
_OPTIONS: dict[str, tuple[str, str, Value]] = {
    "ro": ("", "read_only", True),
    "rw": ("", "read_only", False),
    "nocopy": ("volume", "nocopy", True),
    "z": ("bind", "selinux", "z"),
    "Z": ("bind", "selinux", "Z"),
    **{word: ("bind", "propagation", word) for word in _PROPAGATIONS},
}
_LONG = table(
    {
        "type": text,
        "source": text,
        "target": text,
        "read_only": boolean,
        "consistency": text,
        "bind": table(
            {
                "propagation": choice(*_PROPAGATIONS),
                "create_host_path": boolean,
                "selinux": text,
                "recursive": choice("enabled", "disabled", "writable", "readonly"),
            }
        ),
        "volume": table({"nocopy": boolean, "subpath": text, "labels": labels}),
        "tmpfs": table({"size": size, "mode": mode}),
        "image": table({"subpath": text}),
    }
)


def mount(node: Node, at: Path, context: Context) -> Node | None:
    """One mount in long form."""
    if isinstance(node, MapNode):
        made = _LONG(node, at, context)
        return _checked(made, at, context) if isinstance(made, MapNode) else None
    told = text(node, at, context)
    if not isinstance(told, ScalarNode):
        return None
    written = str(told.value)
    if context.is_open(written) and written.startswith("$"):
        return told  # whether it is a path or a volume is not known before the variable is put in
    return _short(written, node.span, at, context)


mounts = each(mount)


def _parts(written: str) -> list[str]:
    """The parts between the colons; those within `${...}`, which stand there as long as no variables are put in, are no separators."""
    parts, depth, start = [], 0, 0
    for position, char in enumerate(written):
        if char == "{" and written[position - 1 : position] == "$":
            depth += 1
        elif char == "}" and depth:
            depth -= 1
        elif char == ":" and not depth:
            parts.append(written[start:position])
            start = position + 1
    return [*parts, written[start:]]


def _short(written: str, span: Span, at: Path, context: Context) -> Node | None:
    parts = _parts(written)
    if len(parts) > 3 or not all(parts):  # source, target, options
        why = "there are too many colons" if len(parts) > 3 else "a part of it is empty"
        context.problems.error(
            f'{where(at)}: "{written}" is not a volume: {why}', span, 'a volume is "[SOURCE:]TARGET[:OPTIONS]"'
        )
        return None
    source, target = (parts[0], parts[1]) if len(parts) > 1 else ("", parts[0])
    kind = "bind" if source.startswith((".", "/", "~")) else "volume"
    items: dict[str, Node] = {"type": scalar(kind, span)}
    if source:
        items["source"] = scalar(source, span)
    items["target"] = scalar(target, span)
    # the short form has always made the folder of a bind mount that is not there
    implied: dict[str, Node] = {"create_host_path": scalar(value=True, span=span)} if kind == "bind" else {}
    items[kind] = mapping(implied, span)
    for option in parts[2].split(",") if len(parts) > 2 else ():
        _add_option(option, items, span, at, context)
    return _checked(mapping(items, span), at, context)


def _add_option(option: str, items: dict[str, Node], span: Span, at: Path, context: Context) -> None:
    if option in _CONSISTENCIES:
        return  # a file is shared here, not copied: every mount is consistent
    if option not in _OPTIONS:
        hint = f"it means nothing to Docker Compose either; known are: {', '.join(_OPTIONS)}"
        context.problems.warn(f'{where(at)}: "{option}" is not an option of a volume', span, hint)
        return
    group, attribute, value = _OPTIONS[option]
    if not group:
        items[attribute] = scalar(value, span)
        return
    known = items.get(group)
    own = known.items if isinstance(known, MapNode) else {}
    items[group] = mapping({**own, attribute: scalar(value, span)}, span)


def _checked(node: MapNode, at: Path, context: Context) -> Node | None:
    kind, source, target = (_text(node, key) for key in ("type", "source", "target"))
    problem = None
    if not target:
        problem = 'has no "target"'
    elif not target.startswith("/") and not context.is_open(target):
        problem = f'mounts on "{target}", which is not an absolute path in the container'
    elif kind == "bind" and not source:
        problem = 'is of type "bind" and has no "source"'
    elif kind == "image" and not source:
        problem = 'is of type "image" and has no "source"'
    elif kind == "tmpfs" and source:
        problem = 'is of type "tmpfs", which takes no "source"'
    if problem:
        context.problems.error(f"{where(at)} {problem}", node.span, 'a volume is "[SOURCE:]TARGET[:OPTIONS]"')
        return None
    items = dict(node.items)
    if not context.is_open(target):
        items["target"] = scalar(f"/{os.path.normpath(target).lstrip('/')}", items["target"].span)
    if kind == "bind":
        items["source"] = scalar(absolute(source, context), items["source"].span)
    return node.replacing(items)


def _text(node: MapNode, key: str) -> str:
    value = node.get(key)
    return str(value.value) if isinstance(value, ScalarNode) and value.value is not None else ""


_DEVICE = table({"source": text, "target": text, "permissions": text})


def _device(node: Node, at: Path, context: Context) -> Node | None:
    if isinstance(node, MapNode):
        return _DEVICE(node, at, context)
    told = text(node, at, context)
    if not isinstance(told, ScalarNode):
        return None
    parts = _parts(str(told.value))
    if len(parts) > 3 or not all(parts):  # source, target, permissions
        return refuse(node, at, context, 'of the form "SOURCE[:TARGET[:PERMISSIONS]]"')
    values = {"source": parts[0], "target": parts[0], "permissions": "rwm"}
    values.update(zip(values, parts, strict=False))
    return mapping({key: scalar(value, node.span) for key, value in values.items()}, node.span)


devices = each(_device)
