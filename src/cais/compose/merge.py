"""Merges one canonical tree over another: mappings merge, lists are appended, single values are replaced, and the rows below say what differs.

`!reset` takes a value out, `!override` replaces it whole (Compose Specification, 13-merge.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from cais.compose.nodes import OVERRIDE, RESET, ListNode, MapNode, Node, ScalarNode

Pattern = tuple[str, ...]
_ItemKey = Callable[[Node], object]

# whose keys are names that the user chose: in a pattern they stand as "*"
_NAMED: frozenset[Pattern] = frozenset(
    {
        ("services",),
        ("networks",),
        ("volumes",),
        ("secrets",),
        ("configs",),
        ("services", "*", "networks"),
        ("services", "*", "depends_on"),
    }
)

# --- the rows --------------------------------------------------------------------------------------------------------


def _by(*keys: str) -> _ItemKey:
    def key(item: Node) -> object:
        if not isinstance(item, MapNode):
            return item
        parts = [item.get(name) for name in keys]
        return tuple(part.value if isinstance(part, ScalarNode) else "" for part in parts)

    return key


def _by_text(item: Node) -> object:
    return item.value if isinstance(item, ScalarNode) else item


def _by_device_target(item: Node) -> object:
    return str(item.value).split(":")[1:2] or item.value if isinstance(item, ScalarNode) else item


_SERVICE: Pattern = ("services", "*")

# lists whose items have an identity: a later item with the same one takes the place of the earlier
_UNIQUE: dict[Pattern, _ItemKey] = {
    (*_SERVICE, "ports"): _by("host_ip", "published", "target", "protocol"),
    (*_SERVICE, "volumes"): _by("target"),
    (*_SERVICE, "secrets"): _by("target"),
    (*_SERVICE, "configs"): _by("target"),
    (*_SERVICE, "env_file"): _by("path"),
    (*_SERVICE, "devices"): lambda item: str(_by_device_target(item)),
    (*_SERVICE, "build", "secrets"): _by("target"),
    (*_SERVICE, "build", "tags"): _by_text,
    (*_SERVICE, "build", "platforms"): _by_text,
    (*_SERVICE, "networks", "*", "aliases"): _by_text,
    ("networks", "*", "ipam", "config"): _by("subnet"),
    **{
        (*_SERVICE, name): _by_text
        for name in ("cap_add", "cap_drop", "dns", "dns_opt", "dns_search", "expose", "links", "profiles", "tmpfs")
    },
    **{
        (*_SERVICE, name): _by_text
        for name in ("security_opt", "group_add", "external_links", "volumes_from", "label_file")
    },
}

# of these lists, items with the same identity merge
_MERGED_ITEMS: frozenset[Pattern] = frozenset({("networks", "*", "ipam", "config")})

# values that an override replaces whole
_REPLACED: frozenset[Pattern] = frozenset(
    {(*_SERVICE, "command"), (*_SERVICE, "entrypoint"), (*_SERVICE, "healthcheck", "test")}
)

# --- merging ---------------------------------------------------------------------------------------------------------


def merge(base: Node, over: Node, at: Pattern = ()) -> Node:
    """`over` merged over `base`; neither is changed. The result holds no `!reset` and no `!override`."""
    if over.tag == OVERRIDE or at in _REPLACED or type(base) is not type(over):
        return clean(over, at)
    if isinstance(base, MapNode) and isinstance(over, MapNode):
        return clean(over, at) if _other_driver(base, over, at) else _maps(base, over, at)
    if isinstance(base, ListNode) and isinstance(over, ListNode):
        return ListNode(_unique([*_kept(base, at), *_kept(over, at)], at), over.span)
    return clean(over, at)


def clean(node: Node, at: Pattern = ()) -> Node:
    """`node` as it is when nothing lies below it: without `!reset` parts, its lists without the repetitions that merging would drop."""
    if isinstance(node, MapNode):
        items = {key: clean(value, inner(at, key)) for key, value in node.items.items() if value.tag != RESET}
        return MapNode(items, node.keys, node.span)
    if isinstance(node, ListNode):
        return ListNode(_unique(_kept(node, at), at), node.span)
    return msgspec.structs.replace(node, tag="") if node.tag else node


def inner(at: Pattern, key: str) -> Pattern:
    """The pattern of what lies under `key`."""
    return (*at, "*" if at in _NAMED else key)


def _kept(node: ListNode, at: Pattern) -> list[Node]:
    return [clean(item, (*at, "*")) for item in node.items if item.tag != RESET]


def _maps(base: MapNode, over: MapNode, at: Pattern) -> MapNode:
    items = dict(base.items)
    keys = dict(base.keys)
    for key, value in over.items.items():
        below = items.get(key)
        if value.tag == RESET:
            items.pop(key, None)
            continue
        items[key] = clean(value, inner(at, key)) if below is None else merge(below, value, inner(at, key))
        keys[key] = over.key_span(key)
    return MapNode(items, keys, over.span)


def _unique(items: Sequence[Node], at: Pattern) -> tuple[Node, ...]:
    key = _UNIQUE.get(at)
    if key is None:
        return tuple(items)
    kept: dict[object, Node] = {}
    for item in items:
        identity = key(item)
        below = kept.get(identity) if at in _MERGED_ITEMS else None
        kept[identity] = item if below is None else merge(below, item, (*at, "*"))
    return tuple(kept.values())


def _other_driver(base: MapNode, over: MapNode, at: Pattern) -> bool:
    """The options of one logging driver mean nothing to another."""
    if at != (*_SERVICE, "logging"):
        return False
    before, after = base.get("driver"), over.get("driver")
    return isinstance(before, ScalarNode) and isinstance(after, ScalarNode) and before.value != after.value
