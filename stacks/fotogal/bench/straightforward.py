"""The straightforward timeline: one query for each person who is followed, merged in Python. With the same indexes, rows and connections."""

from __future__ import annotations

import heapq

from fotogal.catalogue.sql.catalogue import SqlCatalogue
from fotogal.catalogue.sql.database import Database
from fotogal.catalogue.sql.schema import FOLLOWS
from fotogal.model import Cursor, Shown


class Straightforward:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._catalogue = SqlCatalogue(database)

    def timeline(self, viewer: int, limit: int, after: Cursor | None = None) -> list[Shown]:
        with self._database.read() as do:
            followed = do.all(f"SELECT followed FROM {FOLLOWS} WHERE follower = :viewer", viewer=viewer)
        authors = [viewer, *(row[0] for row in followed)]
        newest = [shown for author in authors for shown in self._catalogue.photos_of(author, viewer, limit, after)]
        return heapq.nlargest(limit, newest, key=lambda shown: (shown.photo.created_ts, shown.photo.id))
