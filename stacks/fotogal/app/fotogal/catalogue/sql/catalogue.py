"""The whole catalogue, on any `Database`."""

from __future__ import annotations

from fotogal.catalogue.sql import loading, schema
from fotogal.catalogue.sql.follows import Follows
from fotogal.catalogue.sql.people import People
from fotogal.catalogue.sql.photos import Photos
from fotogal.catalogue.sql.sessions import Sessions
from fotogal.generate import Plan


class SqlCatalogue(People, Follows, Photos, Sessions):
    """Implements `catalogue.interface.Catalogue`."""

    def provision(self) -> list[str]:
        with self._database.maintain() as do:
            existing = self._database.existing(do)
            wanted = [*schema.tables(self._database.dialect), *schema.indexes()]
            missing = [item for item in wanted if item.name not in existing]
            for item in missing:
                do.run(item.sql)
        return [f"created {item.kind} {item.name}" for item in missing]

    def generate(self, plan: Plan) -> None:
        """Fills the empty catalogue with what `plan` invents. Raises loading.NotEmpty."""
        loading.load(self._database, plan)

    def ready(self) -> None:
        with self._database.read() as do:
            do.one(f"SELECT 1 FROM {schema.USERS} LIMIT 1")

    def close(self) -> None:
        self._database.close()
