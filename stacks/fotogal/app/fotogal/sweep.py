"""Removes what no row names: objects that an upload or a deletion left behind when something was killed in between.

Safe at any time and on any replica: a young folder may belong to an upload whose row is still to come, so it is left for the next sweep.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fotogal import files
from fotogal.catalogue.interface import Catalogue
from fotogal.objects.interface import Listed, ObjectStore

# Far longer than any upload takes between its first object and its row.
YOUNGEST_MS = 60 * 60 * 1000
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Swept:
    """How many objects there were, were removed, and were left because they are not named as a photo's are."""

    seen: int
    removed: int
    foreign: int


def sweep(catalogue: Catalogue, objects: ObjectStore, now_ms: int) -> Swept:
    """Raises Unavailable and StoreUnavailable; what was removed until then stays removed, and the next sweep goes on."""
    seen = removed = foreign = 0
    for batch in _batches(_folders(objects)):
        seen += sum(len(found) for _, found in batch)
        foreign += sum(len(found) for name, found in batch if files.read_folder(name) is None)
        for orphan in _orphans(catalogue, batch, now_ms):
            objects.delete(orphan.key)
            removed += 1
    return Swept(seen, removed, foreign)


def _orphans(catalogue: Catalogue, batch: Sequence[tuple[str, list[Listed]]], now_ms: int) -> Iterator[Listed]:
    old = {name: found for name, found in batch if all(item.modified_ts < now_ms - YOUNGEST_MS for item in found)}
    identities = {name: folder.photo_id for name in old if (folder := files.read_folder(name))}
    known = catalogue.known_folders(sorted(set(identities.values()))) if identities else set()
    for name in identities.keys() - known:
        yield from old[name]


def _folders(objects: ObjectStore) -> Iterator[tuple[str, list[Listed]]]:
    """The listing is in the order of the keys, so what is in one folder comes together."""
    for name, found in itertools.groupby(objects.listing(), lambda item: item.key.partition("/")[0]):
        yield name, list(found)


def _batches(folders: Iterator[tuple[str, list[Listed]]]) -> Iterator[list[tuple[str, list[Listed]]]]:
    while batch := list(itertools.islice(folders, _AT_ONCE)):
        yield batch
