"""What the parts of the NoSQL catalogue share."""

from __future__ import annotations

from collections.abc import Iterable

from fotogal.catalogue.nosql import rows
from fotogal.catalogue.nosql.schema import USERS
from fotogal.catalogue.nosql.tables import Tables, Value
from fotogal.model import User


class NosqlPart:
    """A subject of the catalogue."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def _user(self, user_id: int) -> User | None:
        rows.check(user_id)
        found = self._tables.get(USERS, id=user_id)
        return rows.user(found.row) if found else None

    def _users(self, identities: Iterable[int]) -> dict[int, User]:
        """Those of the given that are there, each asked for once."""
        found = {identity: self._user(identity) for identity in dict.fromkeys(identities)}
        return {identity: user for identity, user in found.items() if user}

    def _count(self, table: str, condition: str, **values: Value) -> int:
        return int(self._tables.query(f"SELECT count(*) AS n FROM {table} WHERE {condition}", **values)[0]["n"])


def one_of(column: str, values: Iterable[int]) -> tuple[str, dict[str, Value]]:
    """The condition that `column` is one of `values`, and what stands for them. There is one at least."""
    named: dict[str, Value] = {f"v{place}": value for place, value in enumerate(values)}
    return f"{column} IN ({', '.join(f'${name}' for name in named)})", named
