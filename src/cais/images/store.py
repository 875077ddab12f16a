"""The image store: `protocol.ImageStore` on an OCI image layout, snapshot folders and SQLite rows.

Safe to use from several threads and processes at once. Order of every write: folder or blob first, then the row that names it, so a
crash leaves at most something unnamed, which `repair` and `prune` remove. Opening it touches nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from cais.clock import Clock, SystemClock
from cais.digest import Digest
from cais.errors import Conflict, NotFoundError
from cais.images.blobs import Blobs
from cais.images.known import Known
from cais.images.lease import Lease
from cais.images.model import ImageConfig, StoredImage
from cais.images.records import Records
from cais.images.reference import Reference, parse_reference
from cais.images.rows import ImageRow, Rows
from cais.images.snapshot import SnapshotFolders
from cais.locations import Locations

if TYPE_CHECKING:  # see rows.py
    from cais.database import Database
    from cais.images.archive import Export
    from cais.images.cachelayers import CacheLayer
    from cais.images.collect import Pruned, PruneOptions, UsersOf

_ID = re.compile(r"(sha256:)?([a-f0-9]{1,64})")
_FULL_HEX = 64
_CACHE_USE_S = 600.0


def _no_users(_image_id: Digest) -> Sequence[str]:
    return ()


class ImageStore:
    """Images, references, snapshots, build cache. `users_of` names the containers that stand on an image, which keeps it from removal."""

    def __init__(
        self,
        locations: Locations,
        database: Database,
        *,
        users_of: UsersOf = _no_users,
        clock: Clock | None = None,
    ) -> None:
        clock = clock or SystemClock()
        rows = Rows(database)
        lease = Lease(os.path.join(locations.store, ".lease"))
        snapshots = SnapshotFolders(locations.snapshots, rows, lease, clock)
        self._users_of = users_of
        self.records = Records(rows, Known(database), Blobs(locations.store), snapshots, lease, clock)

    @property
    def snapshots(self) -> SnapshotFolders:
        """The layer folders."""
        return self.records.snapshots

    def find(self, reference_or_id: str) -> StoredImage | None:
        """By reference, id, or unique id prefix (a name goes before an id prefix); None when absent.

        Raises UsageError when it can be none of these, Conflict when a prefix fits several images.
        """
        row, _ = self._lookup(reference_or_id)
        return self.records.stored(row) if row else None

    def digests_of(self, image_id: Digest) -> tuple[str, ...]:
        """The names with digests by which registries know an image."""
        return self.records.known.digests_of(image_id)

    def images(self) -> tuple[StoredImage, ...]:
        """Every image with at least one reference, and untagged ones, newest first."""
        return tuple(self.records.stored(row) for row in self.records.rows.images())

    def create(
        self, config: ImageConfig, snapshot_id: str, *, references: Sequence[str] = (), created_at: float | None = None
    ) -> StoredImage:
        """Record an image made of `snapshot_id`'s chain ("" for none); its layers' tars are digested now, unless they were before."""
        return self.records.create(config, snapshot_id, references, created_at)

    def tag(self, image_id: Digest, reference: str) -> None:
        """Point `reference` at an image; moves it when it pointed elsewhere. Raises NotFoundError, UsageError."""
        key = parse_reference(reference).key
        with self.records.rows.transaction():
            if self.records.rows.image(image_id) is None:
                raise NotFoundError(f'image "{image_id}" does not exist')
            self.records.rows.set_reference(key, image_id)
        self.records.write_index()

    def untag(self, reference: str) -> Digest | None:
        """Remove a reference; the id it pointed to, None when it did not exist. The image stays, untagged if that was its last."""
        image_id = self.records.rows.remove_reference(parse_reference(reference).key)
        if image_id is not None:
            self.records.write_index()
        return image_id

    def remove(self, image_id: Digest, *, force: bool = False) -> tuple[str, ...]:
        """Remove an image, its references and the layers nothing else needs; what was removed, in words.

        Raises NotFoundError; Conflict when a container uses it, or when several repositories name it and `force` is not given.
        """
        from cais.images import collect

        return collect.remove(self.records, image_id, users_of=self._users_of, force=force)

    def prune(self, options: PruneOptions | None = None, *, unused: bool = False, cache: bool = False) -> Pruned:
        """Remove untagged images (`unused`: all that no container uses), with `cache` the build cache, and what nothing needs then; or as
        `options` say."""
        from cais.images import collect

        options = options or collect.PruneOptions(unused=unused, cache=cache)
        return collect.prune(self.records, options, users_of=self._users_of)

    def touch(self, image_id: Digest) -> None:
        """An image is used: what has not been for long goes first when room is made."""
        self.records.known.touch(image_id, self.records.clock.now())

    def repair(self) -> int:
        """Remove what crashes left behind; how many folders. What a running process is making is left alone."""
        from cais.images import collect

        return collect.repair(self.records)

    def import_root(
        self,
        source: str,
        config: ImageConfig,
        *,
        references: Sequence[str],
        on_bytes: Callable[[int], None] | None = None,
    ) -> StoredImage:
        """Make a one-layer image of a folder or a tar file (gzip, zstd, xz, bzip2 or plain); `on_bytes` is told the bytes read so far."""
        from cais.images.importing import import_root

        return import_root(self.records, source, config, references=references, on_bytes=on_bytes)

    def save(self, references: Sequence[str], path: str) -> None:
        """Write an archive that `docker load` takes (OCI layout plus manifest.json). Raises NotFoundError."""
        from cais.images.archive import save

        save(self.records, self._exports(references), path)

    def load(self, path: str, *, on_bytes: Callable[[int], None] | None = None) -> tuple[StoredImage, ...]:
        """Read an archive written by `save`, `docker save` or an OCI layout tar; `on_bytes` is told the bytes read so far."""
        from cais.images.archive import load

        return load(self.records, path, on_bytes)

    def validate(self, image_id: Digest) -> tuple[str, ...]:
        """Recompute everything recorded of an image; what is wrong, one sentence each. Raises NotFoundError."""
        from cais.images.validate import validate

        row = self.records.rows.image(image_id)
        if row is None:
            raise NotFoundError(f'image "{image_id}" does not exist')
        return validate(self.records, row)

    def get_cached(self, key: str) -> Mapping[str, str] | None:
        """A build cache row by cache key; None when there is none or its snapshot is gone."""
        return self.records.rows.cached(key)

    def put_cached(self, key: str, snapshot_id: str, facts: Mapping[str, str]) -> None:
        """Keep a build cache row; `facts` come back with `snapshot_id` added under "snapshot"."""
        self.records.rows.set_cached(key, snapshot_id, facts, self.records.clock.now())

    def cached_with_prefix(self, prefix: str) -> tuple[Mapping[str, str], ...]:
        """The build cache rows whose key begins with `prefix`, the newest first."""
        keys = self.records.rows.cached_keys(prefix)
        return tuple(row for key in keys if (row := self.records.rows.cached(key)) is not None)

    def touch_cached(self, keys: Iterable[str]) -> None:
        """Build cache rows are used; noted once in a while, so that not every build has to write."""
        now = self.records.clock.now()
        self.records.rows.touch_cached(keys, now, unless_after=now - _CACHE_USE_S)

    def cache_layers(self) -> tuple[CacheLayer, ...]:
        """The layers that the build cache leads to, each after its parent."""
        from cais.images.cachelayers import cache_layers

        return cache_layers(self.records)

    def drop_cached(self, snapshot_ids: Iterable[str], *, before: float | None = None) -> bool:
        """Forget build cache layers and rows, and remove what nothing needs; see the protocol."""
        from cais.images.cachelayers import drop

        return drop(self.records, snapshot_ids, before)

    def close(self) -> None:
        """Give back the lease that keeps others from collecting; the end of the process does the same."""
        self.records.lease.close()

    def _exports(self, references: Sequence[str]) -> list[Export]:
        """The images to save, each once, with the names they were asked by."""
        from cais.images.archive import Export

        exports: dict[Digest, Export] = {}
        for text in references:
            row, reference = self._lookup(text)
            if row is None:
                raise NotFoundError(f'image "{text}" does not exist', hint="cais image ls shows what there is")
            names = exports[row.id].references if row.id in exports else ()
            exports[row.id] = Export(row, (*names, reference) if reference else names)
        return list(exports.values())

    def _lookup(self, text: str) -> tuple[ImageRow | None, Reference | None]:
        """The image, and the reference it was found by (None when by id)."""
        as_id = _ID.fullmatch(text)
        if as_id and (as_id[1] or len(as_id[2]) == _FULL_HEX):
            return self._by_prefix(as_id[2]), None
        reference = parse_reference(text)
        row = self.records.rows.image_of_reference(reference.key)
        if row is None and reference.digest is not None:
            known = self.records.known.image_with(reference.name, reference.digest)
            row = self.records.rows.image(known) if known is not None else None
        if row is None and as_id:
            return self._by_prefix(text), None
        return row, reference

    def _by_prefix(self, hexadecimal: str) -> ImageRow | None:
        found = self.records.rows.images_with_prefix("sha256:" + hexadecimal)
        if len(found) > 1:
            raise Conflict(f'id prefix "{hexadecimal}" fits several images', hint="give more digits")
        return found[0] if found else None
