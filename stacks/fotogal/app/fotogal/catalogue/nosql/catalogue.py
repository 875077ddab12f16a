"""The whole catalogue, on any `Tables`."""

from __future__ import annotations

from fotogal.catalogue.interface import Unavailable
from fotogal.catalogue.nosql import schema
from fotogal.catalogue.nosql.follows import Follows
from fotogal.catalogue.nosql.people import People
from fotogal.catalogue.nosql.photos import Photos
from fotogal.catalogue.nosql.sessions import Sessions


class NosqlCatalogue(People, Follows, Photos, Sessions):
    """Implements `catalogue.interface.Catalogue`, but for one thing: what is several rows is not one transaction. `follows` and `people` say in which order
    they are written, so that whoever is killed in between leaves nothing that is wrong."""

    def provision(self) -> list[str]:
        existing = self._tables.tables()
        done = []
        for table in schema.TABLES:
            if table.name not in existing:
                self._tables.create(table)
                done.append(f"created table {table.name}")
            indexes = self._tables.indexes(table.name)
            for index in schema.INDEXES:
                if index.table == table.name and index.name not in indexes:
                    self._tables.create(index)
                    done.append(f"created index {index.name} of {table.name}")
        return done

    def ready(self) -> None:
        missing = {table.name for table in schema.TABLES} - self._tables.tables()
        if missing:
            raise Unavailable(
                f"the catalogue has no {', '.join(sorted(missing))}; has `python -m fotogal provision` been run?"
            )

    def close(self) -> None:
        self._tables.close()
