"""SQLite: the embedded default, one file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from fotogal.catalogue.interface import Unavailable
from fotogal.catalogue.pool import Pool
from fotogal.catalogue.sql.catalogue import SqlCatalogue
from fotogal.catalogue.sql.database import Dialect, Row, Statements, check_values

CONNECTIONS = 32
PATIENCE_S = 5.0

# Of each author the photos since their `limit`-th newest: a time, found in the index and read from it again, so no row is fetched before the page is known.
# CROSS JOIN keeps SQLite from beginning with the photos.
_PER_AUTHOR = """SELECT i.id FROM (
    SELECT author, coalesce((SELECT created_ts FROM ({newest} LIMIT 1 OFFSET :limit - 1)), 0) AS since
    FROM ({authors}) authors WHERE NOT EXISTS ({many})) authors
CROSS JOIN {images} i
WHERE i.user_id = authors.author AND NOT i.is_profile AND i.created_ts >= authors.since AND (i.created_ts, i.id) < (:after_ts, :after_id)
ORDER BY i.created_ts DESC, i.id DESC LIMIT :limit"""

# SQLite would sort all the rows of an inner query before it takes the first: so where to stop is told by a time, and the walk is one along the index.
_WALKED = """SELECT id FROM {images}
WHERE NOT is_profile AND (created_ts, id) < (:after_ts, :after_id) AND created_ts >= coalesce((
    SELECT created_ts FROM {images}
    WHERE NOT is_profile AND (created_ts, id) < (:after_ts, :after_id)
    ORDER BY created_ts DESC, id DESC LIMIT 1 OFFSET :most), 0)
AND {seen} ORDER BY created_ts DESC, id DESC LIMIT :limit"""

DIALECT = Dialect(
    integer="INTEGER",
    text="TEXT",
    json="TEXT",
    boolean="INTEGER",
    table_options=" WITHOUT ROWID",
    lock="",  # a transaction that writes has the whole file from its beginning
    any_of="{column} IN (SELECT value FROM json_each({values}))",
    per_author=_PER_AUTHOR,
    walked=_WALKED,
)


def open_sqlite(path: Path) -> SqlCatalogue:
    """The catalogue in the file `path`, whose folder is made if it is missing. The file is made by the first use."""
    return SqlCatalogue(SqliteDatabase(path))


class _Statements:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def all(self, sql: str, **values: object) -> list[Row]:
        check_values(values)
        return self.connection.execute(sql, values).fetchall()

    def one(self, sql: str, **values: object) -> Row | None:
        check_values(values)
        row: Row | None = self.connection.execute(sql, values).fetchone()
        return row

    def run(self, sql: str, **values: object) -> int:
        check_values(values)
        return self.connection.execute(sql, values).rowcount


class SqliteDatabase:
    """Implements `catalogue.sql.database.Database`."""

    dialect = DIALECT

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pool = Pool(self._connect, lambda _: True, CONNECTIONS, PATIENCE_S)

    @contextmanager
    def read(self) -> Iterator[Statements]:
        with self._errors(), self._pool.borrow() as connection:
            yield _Statements(connection)

    @contextmanager
    def write(self) -> Iterator[Statements]:
        with self._errors(), self._pool.borrow() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield _Statements(connection)
                connection.execute("COMMIT")
            except BaseException:
                connection.rollback()
                raise

    def maintain(self) -> AbstractContextManager[Statements]:
        return self.write()

    def load(self, statements: Statements, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        assert isinstance(statements, _Statements)  # made by this database
        marks = ", ".join("?" * len(columns))
        statements.connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)

    def settle(self) -> None:
        with self.maintain() as do:
            do.run("ANALYZE")

    def existing(self, statements: Statements) -> set[str]:
        return {row[0] for row in statements.all("SELECT name FROM sqlite_master")}

    def array(self, values: Iterable[int]) -> object:
        return json.dumps(list(values))

    def close(self) -> None:
        self._pool.close()

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Used by one thread at a time, but not always by the same: the pool sees to that.
        connection = sqlite3.connect(self._path, timeout=PATIENCE_S, isolation_level=None, check_same_thread=False)
        # Readers and the one writer do not wait for each other; what was committed outlives the process and, but for the last moment, the machine.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.OperationalError, OSError) as error:
            hint = "; has `python -m fotogal provision` been run?" if "no such table" in str(error) else ""
            raise Unavailable(f"the catalogue {self._path} does not answer: {error}{hint}") from error
