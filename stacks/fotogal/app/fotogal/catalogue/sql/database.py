"""The seam between the one SQL implementation and the databases that run it.

Statements are written once, with parameters as `:name`. What databases say differently is in `Dialect`; how one is connected to, and which of its errors
mean that it does not answer, is in `Database`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

Row = tuple[Any, ...]
LOWEST, HIGHEST = -(1 << 63), (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Dialect:
    """What databases say differently.

    `integer`, `text`, `json`, `boolean`: types of columns; texts are compared byte by byte. `table_options`: at the end of a table that is its own index.
    `lock`: at the end of a SELECT whose row is about to be changed. `any_of`: a condition, `{column}` and `{values}` to be filled in.
    `per_author`, `walked`: the two ways of `photos` to find a page of a timeline by the indexes alone.
    """

    integer: str
    text: str
    json: str
    boolean: str
    table_options: str
    lock: str
    any_of: str
    per_author: str
    walked: str


class Statements(Protocol):
    """A connection in use."""

    def all(self, sql: str, **values: object) -> list[Row]:
        """All rows of the answer."""

    def one(self, sql: str, **values: object) -> Row | None:
        """The first row, if there is one."""

    def run(self, sql: str, **values: object) -> int:
        """How many rows were written."""


class Database(Protocol):
    @property
    def dialect(self) -> Dialect: ...

    def read(self) -> AbstractContextManager[Statements]:
        """For questions. Each statement sees what was committed when it began."""

    def write(self) -> AbstractContextManager[Statements]:
        """One transaction: all of it is there at the end of the `with`, or nothing if it is left by an exception."""

    def maintain(self) -> AbstractContextManager[Statements]:
        """As `write`, but a statement may take as long as it takes: for provisioning and loading."""

    def load(self, statements: Statements, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """Inserts many rows, as quickly as the database can."""

    def settle(self) -> None:
        """Has the database look through what was loaded: questions are answered quickly from then on."""

    def existing(self, statements: Statements) -> set[str]:
        """The names of the tables and indexes there are. No other process makes any until the end of the transaction."""

    def array(self, values: Iterable[int]) -> object:
        """Whole numbers as a value for `Dialect.any_of`."""

    def close(self) -> None: ...


def check_values(values: dict[str, object]) -> None:
    """Raises ValueError for what not every database can keep: a text with U+0000 (PostgreSQL), a number of more than 64 bits."""
    for name, value in values.items():
        if isinstance(value, str) and "\0" in value:
            raise ValueError(f"{name} has a character U+0000")
        if isinstance(value, int) and not LOWEST <= value <= HIGHEST:
            raise ValueError(f"{name} has more than 64 bits: {value}")
