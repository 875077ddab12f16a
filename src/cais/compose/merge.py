"""Merges one canonical tree over another: mappings merge, lists are appended, single values are replaced, and the rows below say what differs.

`!reset` takes a value out, `!override` replaces it whole (Compose Specification, 13-merge.md). What a value took the place of stays known (`over`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from cais.compose.nodes import OVERRIDE, RESET, ListNode, MapNode, Node, ScalarNode, is_null

Pattern = tuple[str, ...]
SECTIONS = ("services", "networks", "volumes", "secrets", "configs", "models")
_ItemKey = Callable[[Node], object]
_SERVICE: Pattern = ("services", "*")

# whose keys are names that the user chose: in a pattern they stand as "*"
_NAMED: frozenset[Pattern] = frozenset(
    {
        *((section,) for section in SECTIONS),
        *((*_SERVICE, name) for name in ("networks", "depends_on", "extra_hosts", "ulimits", "models")),
        (*_SERVICE, "build", "extra_hosts"),
    }
)

# --- the rows --------------------------------------------------------------------------------------------------------


def _by(*keys: str, **defaults: str) -> _ItemKey:
    """The values of some attributes; `defaults` are those meant when one is not there."""

    def key(item: Node) -> object:
        if not isinstance(item, MapNode):
            return item
        parts = [item.get(name) for name in (*keys, *defaults)]
        values = [part.value if isinstance(part, ScalarNode) else None for part in parts]
        return tuple(value or defaults.get(name) for name, value in zip((*keys, *defaults), values, strict=True))

    return key


def _by_text(item: Node) -> object:
    return item.value if isinstance(item, ScalarNode) else item


def _by_key(item: Node) -> object:
    """What stands before the "=": `/run=size=1m` takes the place of `/run`."""
    return str(item.value).partition("=")[0] if isinstance(item, ScalarNode) else item


def _by_target(item: Node) -> object:
    """Where a file is mounted; without a target, a config lies in "/" and a build secret has the name of its source."""
    target, source = (item.get(name) if isinstance(item, MapNode) else None for name in ("target", "source"))
    if isinstance(target, ScalarNode) and target.value:
        return target.value
    return f"/{source.value}" if isinstance(source, ScalarNode) else item


# lists whose items have an identity: a later item with the same one takes the place of the earlier
_UNIQUE: dict[Pattern, _ItemKey] = {
    (*_SERVICE, "ports"): _by("published", "target", host_ip="0.0.0.0", protocol="tcp"),
    (*_SERVICE, "volumes"): _by("target"),
    (*_SERVICE, "secrets"): _by_target,
    (*_SERVICE, "configs"): _by_target,
    (*_SERVICE, "env_file"): _by("path"),
    (*_SERVICE, "devices"): _by("target"),
    (*_SERVICE, "build", "secrets"): _by_target,
    (*_SERVICE, "build", "tags"): _by_key,
    (*_SERVICE, "build", "platforms"): _by_text,
    (*_SERVICE, "networks", "*", "aliases"): _by_key,
    (*_SERVICE, "networks", "*", "link_local_ips"): _by_key,
    (*_SERVICE, "extra_hosts", "*"): _by_text,
    (*_SERVICE, "build", "extra_hosts", "*"): _by_text,
    **{
        (*_SERVICE, name): _by_key
        for name in ("cap_add", "cap_drop", "dns", "dns_opt", "dns_search", "links", "profiles", "tmpfs")
    },
    **{
        (*_SERVICE, name): _by_text
        for name in ("expose", "security_opt", "group_add", "external_links", "volumes_from", "label_file")
    },
}

# values that an override replaces whole
_REPLACED: frozenset[Pattern] = frozenset(
    {
        (*_SERVICE, "command"),
        (*_SERVICE, "entrypoint"),
        (*_SERVICE, "healthcheck", "test"),
        (*_SERVICE, "ulimits", "*"),
    }
)
# in these, an entry without a value is one: it asks for the caller's
_NULL_IS_A_VALUE: frozenset[Pattern] = frozenset({(*_SERVICE, "environment"), (*_SERVICE, "build", "args")})
_POOLS: Pattern = ("networks", "*", "ipam", "config")
_LOGGING: Pattern = (*_SERVICE, "logging")

# --- merging ---------------------------------------------------------------------------------------------------------


def merge(base: Node, over: Node, at: Pattern = (), *, final: bool = True) -> Node:
    """`over` merged over `base`; neither is changed.

    A `final` result holds no `!reset` and no `!override`. One that is not keeps those of `over`, because it will itself be merged over something.
    """
    return _Merge(final).merge(base, over, at)


def clean(node: Node, at: Pattern = (), *, final: bool = True) -> Node:
    """`node` as it is when nothing lies below it: without `!reset` parts, its lists without the repetitions that merging would drop."""
    return _Merge(final).clean(node, at)


def inner(at: Pattern, key: str) -> Pattern:
    """The pattern of what lies under `key`."""
    return (*at, "*" if at in _NAMED else key)


class _Merge:
    def __init__(self, final: bool) -> None:
        self._final = final

    def merge(self, base: Node, over: Node, at: Pattern) -> Node:
        if over.tag == OVERRIDE or at in _REPLACED:
            return _replacing(base, self.clean(over, at))
        if is_null(over) and at[:-1] not in _NULL_IS_A_VALUE:
            return base
        if isinstance(base, MapNode) and isinstance(over, MapNode):
            if at == _LOGGING and _other_driver(base, over):
                return _replacing(base, self.clean(over, at))
            return self._maps(base, over, at)
        if isinstance(base, ListNode) and isinstance(over, ListNode):
            items = self._pools(base, over, at) if at == _POOLS else (*self._kept(base, at), *self._kept(over, at))
            return ListNode(_unique(items, at), over.span, base.tag)
        return _replacing(base, self.clean(over, at))

    def clean(self, node: Node, at: Pattern) -> Node:
        tag = "" if self._final else node.tag
        if isinstance(node, MapNode):
            items = {
                key: self.clean(value, inner(at, key))
                for key, value in node.items.items()
                if not self._final or value.tag != RESET
            }
            return MapNode(items, node.keys, node.span, tag, node.over)
        if isinstance(node, ListNode):
            return ListNode(_unique(self._kept(node, at), at), node.span, tag, node.over)
        return msgspec.structs.replace(node, tag=tag) if node.tag != tag else node

    def _kept(self, node: ListNode, at: Pattern) -> list[Node]:
        return [self.clean(item, (*at, "*")) for item in node.items if item.tag != RESET]

    def _maps(self, base: MapNode, over: MapNode, at: Pattern) -> MapNode:
        items = dict(base.items)
        keys = dict(base.keys)
        for key, value in over.items.items():
            below = items.get(key)
            if value.tag == RESET:
                items.pop(key, None)
                if not self._final:
                    items[key] = value
                continue
            made = self.clean(value, inner(at, key)) if below is None else self.merge(below, value, inner(at, key))
            items[key] = made
            keys[key] = over.key_span(key)
        return MapNode(items, keys, over.span, base.tag, base.over)

    def _pools(self, base: ListNode, over: ListNode, at: Pattern) -> tuple[Node, ...]:
        """Address pools: those of the override, each over the one of the same subnet."""
        known = {_by("subnet")(item): item for item in base.items}
        made: list[Node] = []
        for item in self._kept(over, at):
            below = known.get(_by("subnet")(item))
            made.append(item if below is None else self.merge(below, item, (*at, "*")))
        return tuple(made)


def _replacing(base: Node, made: Node) -> Node:
    return msgspec.structs.replace(made, over=base)


def _unique(items: Sequence[Node], at: Pattern) -> tuple[Node, ...]:
    key = _UNIQUE.get(at)
    if key is None:
        return tuple(items)
    kept: dict[object, Node] = {}
    for item in items:
        identity = key(item)
        below = kept.get(identity)
        kept[identity] = item if below is None else _replacing(below, item)
    return tuple(kept.values())


def _other_driver(base: MapNode, over: MapNode) -> bool:
    """The options of one logging driver mean nothing to another."""
    before, after = base.get("driver"), over.get("driver")
    return isinstance(before, ScalarNode) and isinstance(after, ScalarNode) and before.value != after.value
