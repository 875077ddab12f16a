"""`build` of a service: a context alone, or the long form (Compose Build Specification)."""

from __future__ import annotations

from cais.compose.forms.base import Context, absolute, boolean, is_remote, refuse, size, table, text
from cais.compose.forms.files import references
from cais.compose.forms.limits import ulimits
from cais.compose.forms.lists import entries, environment, hosts, labels, one_or_more, texts
from cais.compose.nodes import MapNode, Node, Path, ScalarNode, mapping, scalar


def _context(node: Node, at: Path, context: Context) -> Node | None:
    told = text(node, at, context)
    if not isinstance(told, ScalarNode):
        return None
    location = str(told.value)
    return told if is_remote(location) else scalar(absolute(location, context), node.span)


def _contexts(node: Node, at: Path, context: Context) -> Node | None:
    made = entries(bare="")(node, at, context)
    if not isinstance(made, MapNode):
        return None
    items: dict[str, Node] = {}
    for key, value in made.items.items():
        location = str(value.value) if isinstance(value, ScalarNode) else ""
        # service:NAME, docker-image://REF, oci-layout://PATH and URLs are not folders
        plain = not is_remote(location) and not location.startswith("service:") and not value.tag
        items[key] = scalar(absolute(location, context), value.span) if plain else value
    return made.replacing(items)


_BUILD = table(
    {
        "context": _context,
        "dockerfile": text,
        "dockerfile_inline": text,
        "args": environment,
        "target": text,
        "labels": labels,
        "tags": texts,
        "additional_contexts": _contexts,
        "cache_from": texts,
        "cache_to": texts,
        "secrets": references(None),
        "ssh": environment,
        "extra_hosts": hosts,
        "network": text,
        "no_cache": boolean,
        "no_cache_filter": one_or_more,
        "pull": boolean,
        "platforms": texts,
        "privileged": boolean,
        "shm_size": size,
        "ulimits": ulimits,
        "isolation": text,
        "entitlements": texts,
        "provenance": text,
        "sbom": text,
    }
)


def build(node: Node, at: Path, context: Context) -> Node | None:
    """`build` in long form. The default context is given after merging, so that an override need not repeat it."""
    if isinstance(node, ScalarNode):
        if node.value is None:
            return refuse(node, at, context, "a folder or a mapping")
        made = _context(node, at, context)
        return mapping({"context": made}, node.span) if made is not None else None
    return _BUILD(node, at, context)
