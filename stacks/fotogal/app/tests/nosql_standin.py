"""Stands in for Oracle's NoSQL database: SQLite behind the same seam, running the same statements.

It shows that the catalogue's own logic is right. What the SDK sends and receives is another test (`test_catalogue_nosql_borneo`), and that the
database understands these statements only an account can show.
"""

from __future__ import annotations

import itertools
import json
import sqlite3
import threading

from fotogal.catalogue.nosql.schema import TABLES, Index, Table
from fotogal.catalogue.nosql.tables import Row, Stored, Value

_COLUMNS = {name: kind for table in TABLES for name, kind in table.columns.items()}


class SqliteTables:
    """Implements `catalogue.nosql.tables.Tables`. One statement at a time, each seen by all at once."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._lock = threading.Lock()
        self._versions = itertools.count(1)

    def get(self, table: str, **key: Value) -> Stored | None:
        found = self._run(f"SELECT * FROM {table} WHERE {_condition(key)}", key).fetchone()
        return Stored(_row(found), found["version_"]) if found else None

    def put(self, table: str, row: Row) -> None:
        self._insert("INSERT OR REPLACE", table, row)

    def put_if_absent(self, table: str, row: Row) -> bool:
        return self._insert("INSERT OR IGNORE", table, row)

    def put_if_version(self, table: str, row: Row, version: object) -> bool:
        key = {name: row[name] for name in next(found.key for found in TABLES if found.name == table)}
        kept = {name: _kept(value) for name, value in row.items()}
        changes = ", ".join(f"{name} = ${name}" for name in [*row, "version_"])
        values = kept | {"version_": next(self._versions), "before": version}
        return (
            self._run(f"UPDATE {table} SET {changes} WHERE {_condition(key)} AND version_ = $before", values).rowcount
            == 1
        )

    def delete(self, table: str, **key: Value) -> bool:
        return self._run(f"DELETE FROM {table} WHERE {_condition(key)}", key).rowcount == 1

    def query(self, statement: str, **values: Value) -> list[Row]:
        return [_row(found) for found in self._run(statement, values).fetchall()]

    def tables(self) -> set[str]:
        return self._names("table", "1 = 1")

    def indexes(self, table: str) -> set[str]:
        return {
            name.removeprefix(f"{table}_") for name in self._names("index", f"tbl_name = '{table}' AND sql IS NOT NULL")
        }

    def create(self, item: Table | Index) -> None:
        if isinstance(item, Table):
            self._run(
                f"CREATE TABLE {item.name} ({', '.join(item.columns)}, version_, PRIMARY KEY ({', '.join(item.key)}))",
                {},
            )
        else:
            self._run(f"CREATE INDEX {item.table}_{item.name} ON {item.table} ({', '.join(item.columns)})", {})

    def close(self) -> None:
        self._connection.close()

    def _insert(self, how: str, table: str, row: Row) -> bool:
        values = {name: _kept(value) for name, value in row.items()} | {"version_": next(self._versions)}
        names = ", ".join(values)
        marks = ", ".join(f"${name}" for name in values)
        return self._run(f"{how} INTO {table} ({names}) VALUES ({marks})", values).rowcount == 1

    def _names(self, kind: str, condition: str) -> set[str]:
        return {
            row["name"]
            for row in self._run(f"SELECT name FROM sqlite_master WHERE type = '{kind}' AND {condition}", {})
        }

    def _run(self, statement: str, values: dict[str, Value]) -> sqlite3.Cursor:
        with self._lock:
            return self._connection.execute(statement, values)


def _condition(key: dict[str, Value]) -> str:
    return " AND ".join(f"{name} = ${name}" for name in key)


def _kept(value: Value | dict[str, str]) -> Value:
    return json.dumps(value) if isinstance(value, dict) else value


def _row(found: sqlite3.Row) -> Row:
    return {name: _read(name, found[name]) for name in found.keys() if name != "version_"}  # noqa: SIM118 a row's values are iterated over


def _read(name: str, value: Value) -> object:
    match _COLUMNS.get(name):
        case "JSON":
            return json.loads(str(value))
        case "BOOLEAN":
            return bool(value)
        case _:
            return value
