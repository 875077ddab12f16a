"""The seam between the catalogue and the database: what is asked of it, in as few kinds of questions as will do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from fotogal.catalogue.nosql.schema import Index, Table

Row = dict[str, Any]
Value = int | str | bool


@dataclass(frozen=True, slots=True)
class Stored:
    """A row, and the version that it has until somebody writes it again."""

    row: Row
    version: object


class Tables(Protocol):
    """Each call is whole or nothing for its one row; what it has written, everybody reads from then on. Raises Unavailable."""

    def get(self, table: str, **key: Value) -> Stored | None: ...

    def put(self, table: str, row: Row) -> None:
        """Writes the row, whether there was one of its key or not."""

    def put_if_absent(self, table: str, row: Row) -> bool:
        """Whether there was none, and it was written."""

    def put_if_version(self, table: str, row: Row, version: object) -> bool:
        """Whether it still had that version, and was written."""

    def delete(self, table: str, **key: Value) -> bool:
        """Whether there was one."""

    def query(self, statement: str, **values: Value) -> list[Row]:
        """All rows of the answer. In the statement `$name` stands for a value."""

    def tables(self) -> set[str]:
        """The names of those there are."""

    def indexes(self, table: str) -> set[str]: ...

    def create(self, item: Table | Index) -> None:
        """Comes back when it may be used."""

    def close(self) -> None: ...
