"""What of the builder's belongings goes when room is made. Pure."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec


class Kind(enum.Enum):
    """What the builder keeps."""

    LAYER = "layer"
    CACHE_MOUNT = "cache-mount"
    DOWNLOAD = "download"
    REPOSITORY = "repository"
    CONTEXT = "context"


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is kept. `id` is unique within its kind; a layer stands on `parent`. `is_shared`: an image has the layer too.
    `used_at` in seconds since the epoch; of a layer, when it or what stands on it was used."""

    kind: Kind
    id: str
    path: str
    size_bytes: int
    used_at: float
    words: str = ""
    parent: str = ""
    is_shared: bool = False


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What may go: of these kinds (all when empty), last used before a time, of these ids. `most_bytes`: only until the rest takes no more."""

    kinds: frozenset[Kind] = frozenset()
    before: float | None = None
    ids: frozenset[str] = frozenset()
    most_bytes: int | None = None

    def allows(self, kept: Kept) -> bool:
        """Whether `kept` may go."""
        if kept.is_shared or (self.kinds and kept.kind not in self.kinds):
            return False
        if self.before is not None and kept.used_at >= self.before:
            return False
        return not self.ids or any(kept.id.startswith(each) for each in self.ids)


def choose(everything: Sequence[Kept], choice: Choice) -> tuple[Kept, ...]:
    """What goes, in the order in which it does: what was unused for longest first, a layer after those that stand on it.

    A layer stays when one that stands on it stays.
    """
    parents = {each.id: each.parent for each in everything if each.kind is Kind.LAYER}
    standing = Counter(parents.values())
    order = sorted(everything, key=lambda each: (each.used_at, -_depth(each.id, parents), each.id))
    size = sum(each.size_bytes for each in everything if not each.is_shared)
    chosen: list[Kept] = []
    for each in order:
        if choice.most_bytes is not None and size <= choice.most_bytes:
            break
        is_layer = each.kind is Kind.LAYER
        if not choice.allows(each) or (is_layer and standing[each.id]):
            continue
        chosen.append(each)
        size -= each.size_bytes
        if is_layer:
            standing[each.parent] -= 1
    return tuple(chosen)


def _depth(layer: str, parents: Mapping[str, str]) -> int:
    count = 0
    while layer in parents:
        layer = parents[layer]
        count += 1
    return count
