"""The canonical pass: a validated tree in which every attribute has its one long, typed shape and every host path is absolute.

Defaults are not put in here but after merging, lest the default of an override undo what the first file says.
"""

from __future__ import annotations

from cais.compose.forms.base import Context, Form, Table, apply, boolean, host_path, integer, same, table, text
from cais.compose.forms.lists import each, entries, labels, texts
from cais.compose.forms.service import service
from cais.compose.nodes import MapNode, Node, Path, ScalarNode, mapping, scalar


def canonical(tree: MapNode, context: Context) -> MapNode:
    """The canonical form of a whole file."""
    return apply(_FILE, tree, (), context)


def _external(node: Node, at: Path, context: Context) -> Node | None:
    """`external: {name: x}` is the old way to write `external: true` beside `name: x`."""
    if isinstance(node, MapNode):
        return mapping({"name": node.items.get("name", scalar("", node.span))}, node.span)
    return boolean(node, at, context)


def _resource(forms: Table) -> Form:
    inner = table(forms)

    def form(node: Node, at: Path, context: Context) -> Node | None:
        made = inner(node, at, context)
        external = made.get("external") if isinstance(made, MapNode) else None
        if isinstance(made, MapNode) and isinstance(external, MapNode):
            items = {**made.items, "external": scalar(value=True, span=external.span)}
            name = external.items["name"]
            if isinstance(name, ScalarNode) and name.value:
                items["name"] = name
            return made.replacing(items)
        return made

    return form


def _collection(form: Form) -> Form:
    def every(node: Node, at: Path, context: Context) -> Node | None:
        if not isinstance(node, MapNode):
            return MapNode({}, {}, node.span)
        return apply(dict.fromkeys(node.items, form), node, at, context)

    return every


_OPTIONS = entries(bare="")
_POOL = table({"subnet": text, "gateway": text, "ip_range": text, "aux_addresses": labels})
_NETWORK = _resource(
    {
        "name": text,
        "driver": text,
        "driver_opts": _OPTIONS,
        "internal": boolean,
        "attachable": boolean,
        "enable_ipv4": boolean,
        "enable_ipv6": boolean,
        "external": _external,
        "labels": labels,
        "ipam": table({"driver": text, "config": each(_POOL), "options": labels}),
    }
)


def _driver_options(node: Node, at: Path, context: Context) -> Node | None:
    """Of the `local` driver, `device` is a host path when `o` says bind."""
    made = _OPTIONS(node, at, context)
    device = made.get("device") if isinstance(made, MapNode) else None
    options = made.get("o") if isinstance(made, MapNode) else None
    if (
        isinstance(made, MapNode)
        and isinstance(device, ScalarNode)
        and isinstance(options, ScalarNode)
        and "bind" in str(options.value).split(",")
    ):
        absolute = host_path(device, (*at, "device"), context)
        return made.replacing({**made.items, "device": absolute}) if absolute is not None else made
    return made


_VOLUME = _resource(
    {"name": text, "driver": text, "driver_opts": _driver_options, "external": _external, "labels": labels}
)
_FILE_OBJECT = _resource(
    {
        "name": text,
        "file": host_path,
        "environment": text,
        "content": text,
        "external": _external,
        "labels": labels,
        "driver": text,
        "driver_opts": _OPTIONS,
        "template_driver": text,
    }
)
_MODEL = table({"name": text, "model": text, "context_size": integer, "runtime_flags": texts})
_FILE: Table = {
    "name": text,
    "version": same,
    "include": same,
    "services": _collection(service),
    "networks": _collection(_NETWORK),
    "volumes": _collection(_VOLUME),
    "secrets": _collection(_FILE_OBJECT),
    "configs": _collection(_FILE_OBJECT),
    "models": _collection(_MODEL),
}
