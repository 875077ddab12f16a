"""Forms of what refers to files: `env_file`, `secrets` and `configs` of a service, and the files of top-level secrets and configs."""

from __future__ import annotations

from cais.compose.forms.base import (
    Context,
    Form,
    boolean,
    choice,
    host_path,
    mode,
    numeric_id,
    refuse,
    table,
    text,
)
from cais.compose.forms.lists import each
from cais.compose.nodes import ListNode, MapNode, Node, Path, ScalarNode, mapping, scalar


def env_file(node: Node, at: Path, context: Context) -> Node | None:
    """One path, a list of paths or of mappings; becomes a list of `{path, required, format}`."""
    if isinstance(node, ScalarNode):
        node = ListNode((node,), node.span, node.tag)
    return each(_env_file)(node, at, context)


_ENV_FILE = table({"path": host_path, "required": boolean, "format": choice("", "raw")})


def _env_file(node: Node, at: Path, context: Context) -> Node | None:
    if isinstance(node, MapNode):
        made = _ENV_FILE(node, at, context)
        return (
            made.replacing({"required": scalar(value=True, span=node.span), **made.items})
            if isinstance(made, MapNode)
            else None
        )
    path = host_path(node, at, context)
    return (
        mapping({"path": path, "required": scalar(value=True, span=node.span)}, node.span) if path is not None else None
    )


def paths(node: Node, at: Path, context: Context) -> Node | None:
    """One host path or a list of them."""
    if isinstance(node, ScalarNode):
        node = ListNode((node,), node.span, node.tag)
    return each(host_path)(node, at, context)


def references(folder: str | None) -> Form:
    """`secrets` and `configs` of a service. With a `folder`, that is where one without target lies."""
    long = table({"source": text, "target": text, "uid": numeric_id, "gid": numeric_id, "mode": mode})

    def one(node: Node, at: Path, context: Context) -> Node | None:
        made: Node | None
        if isinstance(node, MapNode):
            made = long(node, at, context)
        else:
            told = text(node, at, context)
            made = mapping({"source": told}, node.span) if told is not None else None
        if not isinstance(made, MapNode):
            return None
        source = made.get("source")
        if not isinstance(source, ScalarNode) or not source.value:
            return refuse(node, at, context, 'a mapping with a "source"')
        if folder is None or "target" in made.items:
            return made
        return made.replacing({**made.items, "target": scalar(f"{folder}/{source.value}", source.span)})

    return each(one)


SECRETS_FOLDER = "/run/secrets"
secret_references = references(SECRETS_FOLDER)
config_references = references(None)
