"""PostgreSQL: the catalogue under Compose and on Kubernetes."""

from __future__ import annotations

import re
import select
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import psycopg

from fotogal.catalogue.interface import Unavailable
from fotogal.catalogue.pool import Pool
from fotogal.catalogue.sql.catalogue import SqlCatalogue
from fotogal.catalogue.sql.database import Dialect, Row, Statements, check_values

CONNECTIONS = 16
PATIENCE_S = 5.0
CONNECT_TIMEOUT_S = 3
STATEMENT_TIMEOUT_MS = 5000
# A server whose machine is gone says nothing: after this time without an answer to a packet the connection is given up.
ANSWER_TIMEOUT_MS = 5000
# One that hangs takes packets, but does not even say that a statement took too long.
SILENCE_S = STATEMENT_TIMEOUT_MS / 1000 + 2

# Any number: it names the lock that provisioning takes, so that two replicas may start at once.
PROVISION_LOCK = 727_005

# Of each author only the newest photo is looked up first. The page lies at or above the `limit`-th newest of those, so of most authors nothing more is read.
_PER_AUTHOR = """WITH heads AS MATERIALIZED (
    SELECT authors.author, head.created_ts FROM ({authors}) authors
    CROSS JOIN LATERAL ({newest} LIMIT 1) head WHERE NOT EXISTS ({many})
), floor AS MATERIALIZED (
    SELECT coalesce((SELECT created_ts FROM heads ORDER BY created_ts DESC LIMIT 1 OFFSET :limit - 1), 0) AS created_ts
)
SELECT newest.id FROM (SELECT author FROM heads WHERE created_ts >= (SELECT created_ts FROM floor)) authors
CROSS JOIN LATERAL (
    SELECT * FROM ({newest}) of_author WHERE created_ts >= (SELECT created_ts FROM floor) LIMIT :limit) newest
ORDER BY newest.created_ts DESC, newest.id DESC LIMIT :limit"""

# The order of the inner rows is known: what is outside stops as soon as it has a page.
_WALKED = """SELECT id FROM (
    SELECT id, created_ts, user_id FROM {images}
    WHERE NOT is_profile AND (created_ts, id) < (:after_ts, :after_id)
    ORDER BY created_ts DESC, id DESC LIMIT :most) newest
WHERE {seen} ORDER BY created_ts DESC, id DESC LIMIT :limit"""

DIALECT = Dialect(
    integer="bigint",
    text='text COLLATE "C"',
    json="json",
    boolean="boolean",
    table_options="",
    lock=" FOR NO KEY UPDATE",  # as an UPDATE locks; rows that refer to this one may still be written
    any_of="{column} = ANY({values})",
    per_author=_PER_AUTHOR,
    walked=_WALKED,
)

_REFERENCES = """SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE contype = 'f' AND conrelid = CAST(CAST(:table AS text) AS regclass)"""

_PARAMETER = re.compile(r":([a-z_]+)")


class Connection(psycopg.Connection[Row]):
    """Waits no longer than `silence_s` for what the server has to say to one request; None: for ever."""

    silence_s: float | None = None

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            return super().wait(gen, interval, self.silence_s if timeout is None else timeout)
        except psycopg.errors._WaitTimeout as error:  # noqa: SLF001 - what `wait` says that it raises has no other name
            self.pgconn.finish()  # what it would say later is of no use to anybody
            raise psycopg.OperationalError(f"no answer for {self.silence_s:g} s") from error


def open_postgresql(url: str) -> SqlCatalogue:
    """The catalogue in the database at `url` (`postgresql://user:password@host:5432/name`). It is connected to at the first use."""
    return SqlCatalogue(PostgresqlDatabase(url))


@lru_cache(maxsize=256)
def _translated(sql: str) -> str:
    """The statement with its parameters as psycopg writes them."""
    return _PARAMETER.sub(r"%(\1)s", sql)


class _Statements:
    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def all(self, sql: str, **values: object) -> list[Row]:
        return self._execute(sql, values).fetchall()

    def one(self, sql: str, **values: object) -> Row | None:
        return self._execute(sql, values).fetchone()

    def run(self, sql: str, **values: object) -> int:
        return self._execute(sql, values).rowcount

    def _execute(self, sql: str, values: dict[str, object]) -> psycopg.Cursor[Row]:
        check_values(values)
        return self.connection.execute(_translated(sql), values)


class PostgresqlDatabase:
    """Implements `catalogue.sql.database.Database`."""

    dialect = DIALECT

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = Pool(self._connect, _usable, CONNECTIONS, PATIENCE_S)

    @contextmanager
    def read(self) -> Iterator[Statements]:
        with _errors(), self._pool.borrow() as connection:
            yield _Statements(connection)

    @contextmanager
    def write(self) -> Iterator[Statements]:
        with _errors(), self._pool.borrow() as connection, connection.transaction():
            yield _Statements(connection)

    @contextmanager
    def maintain(self) -> Iterator[Statements]:
        with _errors(), self._pool.borrow() as connection, connection.transaction():
            statements = _Statements(connection)
            statements.run("SET LOCAL statement_timeout = 0")
            connection.silence_s = None
            try:
                yield statements
            finally:
                connection.silence_s = SILENCE_S

    def load(self, statements: Statements, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        assert isinstance(statements, _Statements)  # made by this database
        # What a table refers to is checked at the end by one join: row by row that takes ten times as long as the loading.
        references = statements.all(_REFERENCES, table=table)
        for name, _ in references:
            statements.run(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        with statements.connection.cursor().copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        for name, definition in references:
            statements.run(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")

    def settle(self) -> None:
        with _errors(), self._pool.borrow() as connection:
            connection.execute("SET statement_timeout = 0")
            connection.silence_s = None
            connection.execute("VACUUM ANALYZE")  # in no transaction
            connection.close()  # and its setting with it

    def existing(self, statements: Statements) -> set[str]:
        statements.one("SELECT pg_advisory_xact_lock(:lock)", lock=PROVISION_LOCK)
        return {
            row[0]
            for row in statements.all(
                "SELECT relname FROM pg_class WHERE relnamespace = CAST(current_schema() AS regnamespace)"
            )
        }

    def array(self, values: Iterable[int]) -> object:
        return list(values)

    def close(self) -> None:
        self._pool.close()

    def _connect(self) -> Connection:
        connection = Connection.connect(
            self._url,
            autocommit=True,  # a question alone needs no transaction; `write` begins one
            connect_timeout=CONNECT_TIMEOUT_S,
            tcp_user_timeout=ANSWER_TIMEOUT_MS,
            application_name="fotogal",
            # Compiling a query takes longer than any of ours.
            options=f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c jit=off",
        )
        connection.silence_s = SILENCE_S
        return connection


def _usable(connection: Connection) -> bool:
    """Whether a connection that nobody uses may be used. An idle server sends nothing but its farewell: who hears something is no longer connected."""
    if connection.closed or connection.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE:
        return False
    heard = select.poll()
    heard.register(connection.fileno(), select.POLLIN)
    return not heard.poll(0)


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except psycopg.errors.UndefinedTable as error:
        raise Unavailable(
            f"the catalogue has no tables; has `python -m fotogal provision` been run? {error}"
        ) from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise Unavailable(f"the catalogue does not answer: {error}") from error
