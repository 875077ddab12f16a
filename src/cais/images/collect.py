"""Removing images, and what nothing needs any more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from cais.digest import Digest
from cais.errors import Conflict, NotFoundError
from cais.images.documents import decode_config
from cais.images.pruning import EVERYTHING, Candidate, PruneFilter, evict
from cais.images.records import Records
from cais.images.reference import parse_reference
from cais.images.rows import ImageRow

UsersOf = Callable[[Digest], Sequence[str]]
"""The names of the containers that stand on an image."""


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """What a prune did: lines in words, and the bytes of layer content that went. `held_by_build`: layers were kept because a build runs."""

    removed: tuple[str, ...]
    freed_bytes: int
    held_by_build: bool = False


def remove(records: Records, image_id: Digest, *, users_of: UsersOf, force: bool = False) -> tuple[str, ...]:
    """Remove an image with its references, then what nothing needs. Raises NotFoundError; Conflict when containers use it, or when it goes
    by names of several repositories and `force` is not given."""
    if records.rows.image(image_id) is None:
        raise NotFoundError(f'image "{image_id}" does not exist')
    _refuse_used(image_id, users_of)
    repositories = {parse_reference(reference).name for reference in records.rows.references(image_id)}
    if len(repositories) > 1 and not force:
        names = ", ".join(sorted(repositories))
        raise Conflict(
            f'image "{image_id}" has the names of several repositories: {names}',
            hint="remove it by one of its names, or use --force to remove all",
        )
    lines = _remove_image(records, image_id)
    _, _ = collect(records)
    return lines


class PruneOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`unused`: every image that no container uses, not only untagged ones. `cache`: the build cache too. `wanted` says of which images.
    `most_bytes`: in place of that, of the unused images those unused for longest, until the store takes no more."""

    unused: bool = False
    cache: bool = False
    wanted: PruneFilter = EVERYTHING
    most_bytes: int | None = None
    dry_run: bool = False


def prune(records: Records, options: PruneOptions, *, users_of: UsersOf) -> Pruned:
    """Remove images, the build cache if that is wanted, then what nothing needs."""
    doomed = _doomed(records, options, users_of)
    lines: list[str] = []
    for image_id in doomed:
        lines += [f"Deleted: {image_id}"] if options.dry_run else _remove_image(records, image_id)
    if options.dry_run:
        return Pruned(removed=tuple(lines), freed_bytes=0)
    if options.cache and (count := records.rows.clear_cache()):
        lines.append(f"Deleted build cache: {count} entries")
    freed, alone = collect(records, partial=True)
    return Pruned(removed=tuple(lines), freed_bytes=freed, held_by_build=not alone)


def _doomed(records: Records, options: PruneOptions, users_of: UsersOf) -> Sequence[Digest]:
    images = records.rows.images()
    free = [image for image in images if not users_of(image.id)]
    if options.wanted != EVERYTHING:  # labels are a file each
        free = [image for image in free if options.wanted.takes(image.created_at, _labels(records, image))]
    if options.most_bytes is None:
        return [image.id for image in free if options.unused or not records.rows.references(image.id)]
    layers = {layer.id: layer for layer in records.rows.snapshots()}

    def below(top: str) -> dict[str, int]:
        found = {}
        while top in layers and top not in found:
            found[top] = (layers[top].tar_bytes or 0) + (layers[top].blob_bytes or 0)
            top = layers[top].parent
        return found

    candidates = [
        Candidate(image.id, max(image.created_at, records.known.used_at(image.id)), below(image.snapshot))
        for image in free
    ]
    others = {image.snapshot for image in images} - {image.snapshot for image in free}
    kept = {key: size for top in others | records.rows.cached_snapshots() for key, size in below(top).items()}
    return evict(candidates, kept, options.most_bytes)


def _labels(records: Records, image: ImageRow) -> Mapping[str, str]:
    return decode_config(records.blobs.read(image.id)).config.labels


def collect(records: Records, *, partial: bool = False) -> tuple[int, bool]:
    """Remove layers and blobs that no image, cache row or layer needs: the bytes freed, and whether it was possible.

    While somebody else makes layers nothing is removed, for theirs are not yet needed by anything; the next collection gets it.
    `partial`: also blobs that were received in part, which the next pull would go on with.
    """
    with records.lease.collecting() as alone:
        if not alone:
            return 0, False
        # What killed transfers left is in nobody's rows, and of no use to anybody.
        records.snapshots.sweep()
        records.blobs.sweep()
        freed = _collect_snapshots(records) + _collect_blobs(records)
        if partial:
            freed += records.blobs.sweep_incoming()
    records.write_index()
    return freed, True


def repair(records: Records) -> int:
    """Remove what crashes left behind (half-made layers with their mounts, folders and files without rows); how many folders."""
    swept = records.snapshots.sweep()
    with records.lease.collecting() as alone:
        if alone:
            stray = records.snapshots.unrecorded()
            records.snapshots.discard(stray)
            records.blobs.sweep()
            swept += len(stray)
    records.write_index()
    return swept


def _remove_image(records: Records, image_id: Digest) -> tuple[str, ...]:
    with records.rows.transaction():
        references = records.rows.references(image_id)
        records.rows.remove_image(image_id)
    records.write_index()
    return (*(f"Untagged: {parse_reference(reference).familiar}" for reference in references), f"Deleted: {image_id}")


def _refuse_used(image_id: Digest, users_of: UsersOf) -> None:
    users = users_of(image_id)
    if users:
        quoted = ", ".join(f'"{user}"' for user in users)
        raise Conflict(
            f'image "{image_id}" is used by container{"s" if len(users) > 1 else ""} {quoted}',
            hint="remove the containers first: cais down, or cais rm",
        )


def _collect_snapshots(records: Records) -> int:
    layers = {layer.id: layer for layer in records.rows.snapshots()}
    needed: set[str] = set()
    for top in {image.snapshot for image in records.rows.images()} | records.rows.cached_snapshots():
        current = top
        while current in layers and current not in needed:
            needed.add(current)
            current = layers[current].parent
    doomed = [layer for layer in layers.values() if layer.id not in needed]
    if doomed:
        with records.rows.transaction():
            records.rows.remove_snapshots(layer.id for layer in doomed)
    records.snapshots.discard(records.snapshots.unrecorded())  # theirs, and what a crash left here
    return sum(layer.tar_bytes or 0 for layer in doomed)


def _collect_blobs(records: Records) -> int:
    layers, images = records.rows.snapshots(), records.rows.images()
    needed: set[str] = {layer.blob for layer in layers if layer.blob}
    needed |= {digest for image in images for digest in (image.id, image.manifest)}
    diff_ids: set[str] = {layer.diff_id for layer in layers if layer.diff_id}
    records.known.collect({image.id for image in images}, diff_ids, needed)
    return sum(records.blobs.remove(digest) for digest in records.blobs.digests() if digest not in needed)
