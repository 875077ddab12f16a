"""`volumes` of a service: `[SOURCE:]TARGET[:OPTIONS]` and the long form (Compose Specification, 05-services.md, "volumes")."""

from __future__ import annotations

from cais.compose.forms.base import Context, absolute, boolean, choice, mode, refuse, size, table, text
from cais.compose.forms.lists import each, labels
from cais.compose.nodes import MapNode, Node, Path, ScalarNode, Value, mapping, scalar
from cais.compose.schema import where
from cais.errors import Span

_PROPAGATIONS = ("private", "rprivate", "shared", "rshared", "slave", "rslave")
_CONSISTENCIES = ("consistent", "cached", "delegated")
_OPTIONS: dict[str, tuple[str, Value]] = {
    "ro": ("read_only", True),
    "rw": ("read_only", False),
    "nocopy": ("volume_nocopy", True),
    "z": ("bind_selinux", "z"),
    "Z": ("bind_selinux", "Z"),
    **{word: ("bind_propagation", word) for word in _PROPAGATIONS},
    **{word: ("consistency", word) for word in _CONSISTENCIES},
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
_GROUPS = ("bind", "volume", "tmpfs", "image")


def mount(node: Node, at: Path, context: Context) -> Node | None:
    """One mount in flat long form: `bind.propagation` becomes `bind_propagation`."""
    if isinstance(node, MapNode):
        made = _LONG(node, at, context)
        return _long(made, at, context) if isinstance(made, MapNode) else None
    told = text(node, at, context)
    return _short(str(told.value), node.span, at, context) if isinstance(told, ScalarNode) else None


mounts = each(mount)


def _long(node: MapNode, at: Path, context: Context) -> Node | None:
    items: dict[str, Node] = {}
    keys: dict[str, Span] = {}
    for key, value in node.items.items():
        if key not in _GROUPS:
            items[key], keys[key] = value, node.key_span(key)
        elif isinstance(value, MapNode):
            for inner, part in value.items.items():
                items[f"{key}_{inner}"], keys[f"{key}_{inner}"] = part, value.key_span(inner)
    return _checked(MapNode(items, keys, node.span, node.tag), at, context)


def _short(written: str, span: Span, at: Path, context: Context) -> Node | None:
    parts = written.split(":")
    if len(parts) > 3 or not all(parts):  # source, target, options
        why = "there are too many colons" if len(parts) > 3 else "a part of it is empty"
        context.problems.error(
            f'{where(at)}: "{written}" is not a volume: {why}', span, 'a volume is "[SOURCE:]TARGET[:OPTIONS]"'
        )
        return None
    source, target = (parts[0], parts[1]) if len(parts) > 1 else ("", parts[0])
    items: dict[str, Node] = {
        "type": scalar("bind" if source.startswith((".", "/", "~")) else "volume", span),
        "target": scalar(target, span),
    }
    if source:
        items["source"] = scalar(source, span)
    for option in parts[2].split(",") if len(parts) > 2 else ():
        if option not in _OPTIONS:
            context.problems.error(
                f'{where(at)}: "{option}" is not an option of a volume', span, f"known are: {', '.join(_OPTIONS)}"
            )
            continue
        attribute, value = _OPTIONS[option]
        items[attribute] = scalar(value, span)
    return _checked(mapping(items, span), at, context)


def _checked(node: MapNode, at: Path, context: Context) -> Node | None:
    kind, source, target = (_text(node, key) for key in ("type", "source", "target"))
    problem = None
    if not target:
        problem = 'has no "target"'
    elif not target.startswith("/"):
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
    if kind == "bind":
        return node.replacing({**node.items, "source": scalar(absolute(source, context), node.items["source"].span)})
    return node


def _text(node: MapNode, key: str) -> str:
    value = node.get(key)
    return str(value.value) if isinstance(value, ScalarNode) and value.value is not None else ""


def devices(node: Node, at: Path, context: Context) -> Node | None:
    """`devices`: `SOURCE[:TARGET[:PERMISSIONS]]` or a mapping; becomes the full short form, as the model keeps it."""
    return each(_device)(node, at, context)


def _device(node: Node, at: Path, context: Context) -> Node | None:
    if isinstance(node, MapNode):
        source = _text(node, "source")
        parts = [source, _text(node, "target") or source, _text(node, "permissions") or "rwm"]
    else:
        told = text(node, at, context)
        if not isinstance(told, ScalarNode):
            return None
        parts = str(told.value).split(":")
        parts = [parts[0], parts[1] if len(parts) > 1 else parts[0], *(parts[2:] or ["rwm"])]
        if "=" in parts[0]:  # a CDI name such as vendor.com/class=name
            return told
    if len(parts) != 3 or not all(parts):
        return refuse(node, at, context, 'of the form "SOURCE[:TARGET[:PERMISSIONS]]"')
    return scalar(":".join(parts), node.span)
