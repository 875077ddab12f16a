"""`build` of a service: a context alone, or the long form (Compose Build Specification)."""

from __future__ import annotations

from cais.compose.forms.base import Context, absolute, boolean, is_remote, refuse, same, size, table, text
from cais.compose.forms.files import references
from cais.compose.forms.lists import entries, environment, hosts, labels, one_or_more, texts, ulimits
from cais.compose.nodes import ListNode, MapNode, Node, Path, ScalarNode, mapping, scalar


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


def _ssh(node: Node, at: Path, context: Context) -> Node | None:
    made = environment(node, at, context)
    if not isinstance(made, MapNode):
        return None
    keys = [(key, value) for key, value in made.items.items() if isinstance(value, ScalarNode)]
    items = tuple(scalar(f"{key}={value.value}" if value.value else key, value.span) for key, value in keys)
    return ListNode(items, node.span, node.tag)


_RUN_SECRETS = "/run/secrets/"


def _secrets(node: Node, at: Path, context: Context) -> Node | None:
    """Of a build secret, the target is the id that RUN names: not a path."""
    made = references("/run/secrets")(node, at, context)
    return (
        ListNode(tuple(_with_id(item) for item in made.items), made.span, made.tag)
        if isinstance(made, ListNode)
        else made
    )


def _with_id(item: Node) -> Node:
    target = item.get("target") if isinstance(item, MapNode) else None
    if not isinstance(item, MapNode) or not isinstance(target, ScalarNode):
        return item
    return item.replacing({**item.items, "target": scalar(str(target.value).removeprefix(_RUN_SECRETS), target.span)})


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
        "secrets": _secrets,
        "ssh": _ssh,
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
        "provenance": same,
        "sbom": same,
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
