"""What the parts of the SQL catalogue share."""

from __future__ import annotations

from fotogal.catalogue.sql.database import Database


class SqlPart:
    """A subject of the catalogue, in SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
