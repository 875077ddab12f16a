"""The store's rows: snapshots, images, references, build cache. SQL stands here and nowhere else in the package."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from cais import decoding
from cais.digest import Digest

if TYPE_CHECKING:  # sqlite3 costs 11 ms, and a store may be made without being used
    import sqlite3

    from cais.database import Database

SCHEMA = (
    """
    CREATE TABLE snapshots (
        id TEXT PRIMARY KEY,
        parent TEXT NOT NULL,
        created_at REAL NOT NULL,
        epoch_s INTEGER,
        diff_id TEXT,
        chain_id TEXT,
        tar_bytes INTEGER,
        blob TEXT,
        blob_type TEXT,
        blob_bytes INTEGER
    );
    CREATE INDEX snapshots_by_chain ON snapshots (chain_id);
    CREATE TABLE images (
        id TEXT PRIMARY KEY,
        snapshot TEXT NOT NULL,
        manifest TEXT NOT NULL,
        manifest_bytes INTEGER NOT NULL,
        created_at REAL NOT NULL
    );
    CREATE TABLE image_references (
        reference TEXT PRIMARY KEY,
        image TEXT NOT NULL REFERENCES images (id)
    );
    CREATE INDEX image_references_by_image ON image_references (image);
    CREATE TABLE build_cache (
        key TEXT PRIMARY KEY,
        snapshot TEXT NOT NULL,
        facts TEXT NOT NULL,
        created_at REAL NOT NULL
    )
    """,
    "ALTER TABLE build_cache ADD COLUMN used_at REAL NOT NULL DEFAULT 0",
)

# From a snapshot down to its bottom layer.
_CHAIN = """
    WITH RECURSIVE chain (id, parent, depth) AS (
        SELECT id, parent, 0 FROM snapshots WHERE id = ?
        UNION ALL
        SELECT s.id, s.parent, depth + 1 FROM snapshots s JOIN chain c ON s.id = c.parent
    )
"""


class SnapshotRow(msgspec.Struct, frozen=True, kw_only=True):
    """One layer. `diff_id`, `chain_id` and `tar_bytes` are None until its tar was digested.

    `blob` is the layer as it was pulled or loaded, kept when the tar made of the folder would not be the same bytes.
    `epoch_s` is what times are clamped to when the tar is made.
    """

    id: str
    parent: str
    created_at: float
    epoch_s: int | None = None
    diff_id: Digest | None = None
    chain_id: str | None = None
    tar_bytes: int | None = None
    blob: Digest | None = None
    blob_type: str | None = None
    blob_bytes: int | None = None


class ImageRow(msgspec.Struct, frozen=True, kw_only=True):
    """One image: `snapshot` is its top layer ("" for none), `manifest` the blob that describes it to others."""

    id: Digest
    snapshot: str
    manifest: Digest
    manifest_bytes: int
    created_at: float


class CacheRow(msgspec.Struct, frozen=True):
    """One row of the build cache: the snapshot it leads to ("" for none), what was noted, and when it was last used."""

    key: str
    snapshot: str
    facts: dict[str, str]
    used_at: float


_SNAPSHOT_COLUMNS = ", ".join(SnapshotRow.__struct_fields__)
_IMAGE_COLUMNS = ", ".join(ImageRow.__struct_fields__)


class Rows:
    """Typed access to the tables, which are made at the first use."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def _connection(self) -> sqlite3.Connection:
        return self._database.with_schema("images", SCHEMA)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything in the block happens, or nothing. Not to be nested."""
        _ = self._connection
        with self._database.transaction():
            yield

    # --- snapshots ---

    def add_snapshot(self, row: SnapshotRow) -> None:
        """Record a layer; one that is recorded already stays as it is."""
        marks = ", ".join("?" for _ in SnapshotRow.__struct_fields__)
        self._connection.execute(
            f"INSERT OR IGNORE INTO snapshots ({_SNAPSHOT_COLUMNS}) VALUES ({marks})",  # noqa: S608  (columns are our own)
            msgspec.structs.astuple(row),
        )

    def snapshot(self, snapshot_id: str) -> SnapshotRow | None:
        """One layer."""
        return next(iter(self._snapshots("WHERE id = ?", (snapshot_id,))), None)

    def snapshot_of_chain(self, chain_id: str) -> SnapshotRow | None:
        """The oldest layer with this chain ID."""
        found = self._snapshots("WHERE chain_id = ? ORDER BY created_at, id LIMIT 1", (chain_id,))
        return next(iter(found), None)

    def snapshots(self) -> list[SnapshotRow]:
        """Every layer."""
        return self._snapshots("", ())

    def is_blob_of_layer(self, digest: Digest) -> bool:
        """Whether a layer is kept as this blob."""
        return self._connection.execute("SELECT 1 FROM snapshots WHERE blob = ?", (digest,)).fetchone() is not None

    def chain(self, snapshot_id: str) -> list[SnapshotRow]:
        """The layers from the bottom to `snapshot_id`; empty when it is unknown."""
        columns = ", ".join("s." + column for column in SnapshotRow.__struct_fields__)
        cursor = self._connection.execute(
            f"{_CHAIN} SELECT {columns} FROM chain JOIN snapshots s USING (id) ORDER BY depth DESC",  # noqa: S608  (columns are our own)
            (snapshot_id,),
        )
        return [SnapshotRow(**dict(zip(SnapshotRow.__struct_fields__, row, strict=True))) for row in cursor]

    def set_digest(self, snapshot_id: str, diff_id: Digest, chain_id: str, tar_bytes: int) -> None:
        """Keep what digesting a layer's tar gave."""
        self._connection.execute(
            "UPDATE snapshots SET diff_id = ?, chain_id = ?, tar_bytes = ? WHERE id = ?",
            (diff_id, chain_id, tar_bytes, snapshot_id),
        )

    def replace_snapshot(self, old: str, new: str) -> None:
        """Let everything that stands on layer `old` stand on `new`, which has the same content."""
        self._connection.execute("UPDATE snapshots SET parent = ? WHERE parent = ?", (new, old))
        self._connection.execute("UPDATE build_cache SET snapshot = ? WHERE snapshot = ?", (new, old))
        self._connection.execute("UPDATE images SET snapshot = ? WHERE snapshot = ?", (new, old))

    def remove_snapshots(self, snapshot_ids: Iterable[str]) -> None:
        """Forget layers, and the build cache rows that lead to them."""
        ids = [(snapshot_id,) for snapshot_id in snapshot_ids]
        self._connection.executemany("DELETE FROM build_cache WHERE snapshot = ?", ids)
        self._connection.executemany("DELETE FROM snapshots WHERE id = ?", ids)

    def _snapshots(self, condition: str, values: Sequence[object]) -> list[SnapshotRow]:
        cursor = self._connection.execute(f"SELECT {_SNAPSHOT_COLUMNS} FROM snapshots {condition}", values)  # noqa: S608  (both are our own)
        return [SnapshotRow(**dict(zip(SnapshotRow.__struct_fields__, row, strict=True))) for row in cursor]

    # --- images and references ---

    def add_image(self, row: ImageRow) -> None:
        """Record an image; one that is recorded already stays as it is."""
        marks = ", ".join("?" for _ in ImageRow.__struct_fields__)
        self._connection.execute(
            f"INSERT OR IGNORE INTO images ({_IMAGE_COLUMNS}) VALUES ({marks})",  # noqa: S608  (columns are our own)
            msgspec.structs.astuple(row),
        )

    def image(self, image_id: str) -> ImageRow | None:
        """One image by its full id."""
        return next(iter(self._images("WHERE id = ?", (image_id,))), None)

    def images(self) -> list[ImageRow]:
        """Every image, newest first."""
        return self._images("ORDER BY created_at DESC, id", ())

    def images_with_prefix(self, prefix: str) -> list[ImageRow]:
        """At most two images whose id begins with `prefix` (algorithm included)."""
        return self._images("WHERE substr(id, 1, ?) = ? LIMIT 2", (len(prefix), prefix))

    def image_of_reference(self, reference: str) -> ImageRow | None:
        """The image a reference points to."""
        condition = "WHERE id = (SELECT image FROM image_references WHERE reference = ?)"
        return next(iter(self._images(condition, (reference,))), None)

    def references(self, image_id: str) -> tuple[str, ...]:
        """The references of an image, sorted."""
        cursor = self._connection.execute(
            "SELECT reference FROM image_references WHERE image = ? ORDER BY reference", (image_id,)
        )
        return tuple(row[0] for row in cursor)

    def set_reference(self, reference: str, image_id: str) -> None:
        """Point a reference at an image."""
        self._connection.execute(
            "INSERT INTO image_references VALUES (?, ?) ON CONFLICT (reference) DO UPDATE SET image = excluded.image",
            (reference, image_id),
        )

    def remove_reference(self, reference: str) -> Digest | None:
        """Remove a reference; the image it pointed to."""
        row = self._connection.execute(
            "DELETE FROM image_references WHERE reference = ? RETURNING image", (reference,)
        ).fetchone()
        return Digest(row[0]) if row else None

    def remove_image(self, image_id: str) -> None:
        """Forget an image and its references."""
        self._connection.execute("DELETE FROM image_references WHERE image = ?", (image_id,))
        self._connection.execute("DELETE FROM images WHERE id = ?", (image_id,))

    def _images(self, condition: str, values: Sequence[object]) -> list[ImageRow]:
        cursor = self._connection.execute(f"SELECT {_IMAGE_COLUMNS} FROM images {condition}", values)  # noqa: S608  (both are our own)
        return [ImageRow(**dict(zip(ImageRow.__struct_fields__, row, strict=True))) for row in cursor]

    # --- build cache ---

    def cached(self, key: str) -> dict[str, str] | None:
        """A build cache row whose snapshot is still there ("" always is)."""
        row = self._connection.execute(
            """SELECT facts, snapshot FROM build_cache WHERE key = ?
               AND (snapshot = '' OR EXISTS (SELECT 1 FROM snapshots s WHERE s.id = build_cache.snapshot))""",
            (key,),
        ).fetchone()
        return {**decoding.decode(row[0], dict[str, str]), "snapshot": row[1]} if row else None

    def set_cached(self, key: str, snapshot_id: str, facts: Mapping[str, str], created_at: float) -> None:
        """Keep a build cache row, in place of an older one."""
        self._connection.execute(
            "INSERT OR REPLACE INTO build_cache (key, snapshot, facts, created_at, used_at) VALUES (?, ?, ?, ?, ?)",
            (key, snapshot_id, msgspec.json.encode(facts).decode(), created_at, created_at),
        )

    def touch_cached(self, keys: Iterable[str], used_at: float, *, unless_after: float) -> None:
        """Build cache rows are used, which is noted where that was last done before `unless_after`."""
        self._connection.executemany(
            "UPDATE build_cache SET used_at = ? WHERE key = ? AND used_at < ?",
            [(used_at, key, unless_after) for key in keys],
        )

    def cached_keys(self, prefix: str) -> list[str]:
        """The keys that begin with `prefix`, the newest first."""
        condition = "WHERE substr(key, 1, ?) = ? ORDER BY created_at DESC"
        rows = self._connection.execute(f"SELECT key FROM build_cache {condition}", (len(prefix), prefix))  # noqa: S608  (it is our own)
        return [row[0] for row in rows]

    def cache_rows(self) -> list[CacheRow]:
        """Every build cache row."""
        cursor = self._connection.execute("SELECT key, snapshot, facts, max(created_at, used_at) FROM build_cache")
        return [
            CacheRow(key, snapshot, decoding.decode(facts, dict[str, str]), at) for key, snapshot, facts, at in cursor
        ]

    def remove_cached(self, keys: Iterable[str]) -> None:
        """Forget build cache rows."""
        self._connection.executemany("DELETE FROM build_cache WHERE key = ?", [(key,) for key in keys])

    def cached_snapshots(self) -> set[str]:
        """The snapshots that build cache rows lead to."""
        return {row[0] for row in self._connection.execute("SELECT DISTINCT snapshot FROM build_cache")}

    def clear_cache(self) -> int:
        """Remove all build cache rows; how many."""
        return self._connection.execute("DELETE FROM build_cache").rowcount
