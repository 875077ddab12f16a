"""The layers that only, or also, the build cache has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from cais.images.records import Records


class CacheLayer(msgspec.Struct, frozen=True, kw_only=True):
    """A layer of the build cache. `used_at` is when it, or what stands on it, was last used; `is_shared`: an image has it too, so that it
    stays; `folder` holds its files; `words` say what made it."""

    id: str
    parent: str
    folder: str
    used_at: float
    is_shared: bool
    words: str = ""


def cache_layers(records: Records) -> tuple[CacheLayer, ...]:
    """Every layer that a row of the build cache leads to, each after its parent."""
    parents = {row.id: row.parent for row in records.rows.snapshots()}
    used: dict[str, float] = {}
    words: dict[str, str] = {}
    for row in records.rows.cache_rows():
        if row.facts.get("text"):
            words[row.snapshot] = row.facts["text"]
        for layer in _down(row.snapshot, parents):
            used[layer] = max(used.get(layer, 0.0), row.used_at)
    shared: set[str] = set()
    for image in records.rows.images():
        shared.update(_down(image.snapshot, parents))
    found = [
        CacheLayer(
            id=key,
            parent=parents[key],
            folder=records.snapshots.folder_of(key),
            used_at=at,
            is_shared=key in shared,
            words=words.get(key, ""),
        )
        for key, at in used.items()
    ]
    return tuple(sorted(found, key=lambda each: (len(_down(each.id, parents)), each.id)))


def drop(records: Records, snapshot_ids: Iterable[str], before: float | None) -> bool:
    """Forget layers with the rows that lead to them, and rows without a layer last used before a time; remove what nothing needs then."""
    from cais.images.collect import collect

    doomed = set(snapshot_ids)
    keys = [
        row.key
        for row in records.rows.cache_rows()
        if row.snapshot in doomed or (not row.snapshot and before is not None and row.used_at < before)
    ]
    with records.rows.transaction():
        records.rows.remove_cached(keys)
    return collect(records)[1]


def _down(top: str, parents: dict[str, str]) -> list[str]:
    """A layer and those below it."""
    seen: list[str] = []
    while top in parents:
        seen.append(top)
        top = parents[top]
    return seen
