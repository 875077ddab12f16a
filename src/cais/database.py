"""The one SQLite file, opened the one way. Each package that keeps rows owns its tables and hands in their schema."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from cais.errors import CaisError, NoSpace, PermissionNeeded

BUSY_TIMEOUT_S = 30.0
# What a full disk looks like when it is noticed in the middle of a write.
_NO_SPACE_CODES = {
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_FSYNC,
    sqlite3.SQLITE_IOERR_SHMSIZE,
    sqlite3.SQLITE_IOERR_TRUNCATE,
}


class Database:
    """Connections to one SQLite file, one a thread (connections must not cross threads).

    WAL, so that readers never wait for a writer. `synchronous=NORMAL`: a crash of Cais loses nothing; a power cut may lose the last
    transactions but never corrupts, and rows never name what is not there because blobs are synced before their rows.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._local = threading.local()
        self._ready: set[str] = set()

    def connection(self) -> sqlite3.Connection:
        """This thread's connection, in autocommit mode; use `transaction` to group statements."""
        existing: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if existing is not None:
            return existing
        os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
        # It holds the environment of containers, so it is for its owner only; SQLite gives its other files the same mode.
        # Made without being opened: to close any descriptor of it lets go of the locks that SQLite holds in other threads.
        with contextlib.suppress(FileExistsError, PermissionError):  # of rights SQLite tells
            os.mknod(self.path, stat.S_IFREG | 0o600)
        try:
            connection = sqlite3.connect(
                self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, factory=_ExplainingConnection
            )
        except sqlite3.OperationalError as error:
            raise (_explained(error) or error) from error
        _use_wal(connection)
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        self._local.connection = connection
        return connection

    def with_schema(self, owner: str, steps: Sequence[str]) -> sqlite3.Connection:
        """This thread's connection, with `owner`'s tables, which are brought up to date at the first use; see `ensure_schema`."""
        if owner not in self._ready:
            self.ensure_schema(owner, steps)
            self._ready.add(owner)
        return self.connection()

    def ensure_schema(self, owner: str, steps: Sequence[str]) -> None:
        """Bring `owner`'s tables up to date: `steps[n]` is the SQL script that leads from version n to n+1; none is ever edited."""
        connection = self.connection()
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_version (owner TEXT PRIMARY KEY, version INTEGER NOT NULL)"
        )
        row = connection.execute("SELECT version FROM schema_version WHERE owner = ?", (owner,)).fetchone()
        if row is not None and row[0] >= len(steps):
            return
        with self.transaction() as writer:
            row = writer.execute("SELECT version FROM schema_version WHERE owner = ?", (owner,)).fetchone()
            version = row[0] if row else 0
            for script in steps[version:]:
                for statement in script.split(";"):
                    if statement.strip():
                        writer.execute(statement)
            writer.execute(
                "INSERT INTO schema_version VALUES (?, ?) ON CONFLICT(owner) DO UPDATE SET version = excluded.version",
                (owner, len(steps)),
            )

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction: committed at the end of the block, rolled back when it raises. Not to be nested."""
        connection = self.connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # SQLite itself rolls back when the disk is full
                connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close this thread's connection."""
        existing: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if existing is not None:
            existing.close()
            self._local.connection = None


class _ExplainingConnection(sqlite3.Connection):
    """Says in our words what the disk or its rights are the cause of."""

    def execute(self, *args: Any) -> sqlite3.Cursor:  # noqa: ANN401 - as sqlite3's
        """As `sqlite3.Connection.execute`; raises NoSpace, PermissionNeeded or HostError where the machine is the cause."""
        try:
            return super().execute(*args)
        except sqlite3.OperationalError as error:
            explained = _explained(error)
            if explained is None:
                raise
            raise explained from error


def _explained(error: sqlite3.OperationalError) -> CaisError | None:
    """The same in our words; None when the machine is not the cause. Result codes: sqlite.org, "Result and Error Codes"."""
    code = error.sqlite_errorcode
    if code == sqlite3.SQLITE_FULL or code in _NO_SPACE_CODES:
        return NoSpace(
            "no space left for Cais's database", hint="free some where CAIS_ROOT is, then run the command again"
        )
    if code & 0xFF in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
        return PermissionNeeded(
            f"Cais's database cannot be used: {error}", hint="run as root, or set CAIS_ROOT to a folder of yours"
        )
    return None


def _use_wal(connection: sqlite3.Connection) -> None:
    # SQLite does not wait for a lock when it changes the journal mode, so processes that open a new database at once collide.
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return
