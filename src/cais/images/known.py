"""What is known of the store's content elsewhere: what layers pack to, which repositories have a blob, by which digests an image is known.

Nothing depends on it: a row that is missing or wrong costs time, not correctness.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cais.digest import Digest

if TYPE_CHECKING:  # see rows.py
    import sqlite3

    from cais.database import Database

SCHEMA = (
    """
    CREATE TABLE packed_layers (
        diff_id TEXT NOT NULL,
        recipe TEXT NOT NULL,
        digest TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        PRIMARY KEY (diff_id, recipe)
    );
    CREATE TABLE blob_repositories (
        digest TEXT NOT NULL,
        repository TEXT NOT NULL,
        PRIMARY KEY (digest, repository)
    );
    CREATE TABLE repository_digests (
        image TEXT NOT NULL,
        repository TEXT NOT NULL,
        digest TEXT NOT NULL,
        PRIMARY KEY (image, repository, digest)
    )
    """,
    "ALTER TABLE repository_digests ADD COLUMN asked_at REAL NOT NULL DEFAULT 0",
    "CREATE TABLE image_uses (image TEXT PRIMARY KEY, used_at REAL NOT NULL)",
)

_USE_S = 600.0  # uses are told apart this well: not every command has to write


class Known:
    """Typed access to the tables, which are made at the first use. A repository's name is whole: `ghcr.io/a/b`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def _connection(self) -> sqlite3.Connection:
        return self._database.with_schema("known", SCHEMA)

    def packed(self, diff_id: str, recipe: str) -> tuple[Digest, int] | None:
        """What a layer packs to by a recipe: digest and size in bytes."""
        found = self._connection.execute(
            "SELECT digest, size_bytes FROM packed_layers WHERE diff_id = ? AND recipe = ?", (diff_id, recipe)
        ).fetchone()
        return (Digest(found[0]), found[1]) if found else None

    def set_packed(self, diff_id: str, recipe: str, digest: Digest, size_bytes: int) -> None:
        """Remember what a layer packs to."""
        self._connection.execute(
            "INSERT OR REPLACE INTO packed_layers VALUES (?, ?, ?, ?)", (diff_id, recipe, digest, size_bytes)
        )

    def repositories_with(self, digest: Digest, registry: str) -> tuple[str, ...]:
        """The repositories of `registry` that have a blob, without the registry's name."""
        prefix = f"{registry}/"
        found = self._connection.execute(
            "SELECT repository FROM blob_repositories WHERE digest = ? AND substr(repository, 1, ?) = ? ORDER BY 1",
            (digest, len(prefix), prefix),
        )
        return tuple(row[0].removeprefix(prefix) for row in found)

    def add_repository(self, digest: Digest, repository: str) -> None:
        """Remember that a repository has a blob."""
        self._connection.execute("INSERT OR IGNORE INTO blob_repositories VALUES (?, ?)", (digest, repository))

    def digests_of(self, image_id: str) -> tuple[str, ...]:
        """The names with digests by which registries know an image: `docker.io/library/nginx@sha256:...`."""
        found = self._connection.execute(
            "SELECT repository || '@' || digest FROM repository_digests WHERE image = ? ORDER BY 1", (image_id,)
        )
        return tuple(row[0] for row in found)

    def image_with(self, repository: str, digest: Digest) -> str | None:
        """The id of an image that a repository knows by a digest (the newest, where a digest stands for several platforms)."""
        found = self._connection.execute(
            "SELECT image FROM repository_digests WHERE repository = ? AND digest = ? ORDER BY rowid DESC LIMIT 1",
            (repository, digest),
        ).fetchone()
        return str(found[0]) if found else None

    def used_at(self, image_id: str) -> float:
        """When (seconds since the epoch) an image was last used; 0 for never."""
        found = self._connection.execute("SELECT used_at FROM image_uses WHERE image = ?", (image_id,)).fetchone()
        return float(found[0]) if found else 0.0

    def touch(self, image_id: str, now: float) -> None:
        """An image is used now."""
        if now - self.used_at(image_id) > _USE_S:
            self._connection.execute("INSERT OR REPLACE INTO image_uses VALUES (?, ?)", (image_id, now))

    def asked_at(self, image_id: str, repository: str) -> float | None:
        """When (seconds since the epoch) a repository last said that it has an image; None for never."""
        found = self._connection.execute(
            "SELECT max(asked_at) FROM repository_digests WHERE image = ? AND repository = ?", (image_id, repository)
        ).fetchone()
        return found[0] if found else None

    def add_digest(self, image_id: str, repository: str, digest: Digest, at: float) -> None:
        """Remember that a repository knows an image by a digest, as it said at a time (seconds since the epoch)."""
        self._connection.execute(
            "INSERT OR REPLACE INTO repository_digests VALUES (?, ?, ?, ?)", (image_id, repository, digest, at)
        )

    def collect(self, images: set[str], diff_ids: set[str], blobs: set[str]) -> None:
        """Forget what is about images, layers and blobs other than these; blobs that the layers pack to count too."""
        connection = self._connection
        packed = {row[0]: row[1] for row in connection.execute("SELECT digest, diff_id FROM packed_layers")}
        kept = blobs | {digest for digest, diff_id in packed.items() if diff_id in diff_ids}
        _forget(connection, "packed_layers", "diff_id", diff_ids)
        _forget(connection, "blob_repositories", "digest", kept)
        _forget(connection, "repository_digests", "image", images)
        _forget(connection, "image_uses", "image", images)


def _forget(connection: sqlite3.Connection, table: str, column: str, kept: set[str]) -> None:
    found = {row[0] for row in connection.execute(f"SELECT DISTINCT {column} FROM {table}")}  # noqa: S608  (names are our own)
    doomed = [(value,) for value in found - kept]
    connection.executemany(f"DELETE FROM {table} WHERE {column} = ?", doomed)  # noqa: S608  (names are our own)
