"""Photos: rows, timelines, reactions."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

from fotogal.catalogue.interface import Taken
from fotogal.catalogue.nosql import rows
from fotogal.catalogue.nosql.base import NosqlPart, one_of
from fotogal.catalogue.nosql.schema import FOLLOWS, IMAGES, REACTIONS
from fotogal.catalogue.nosql.tables import Row
from fotogal.model import Cursor, Photo, Reaction, Shown, Tally

# Who follows more is served by walking the photos of all, of which every few are theirs.
MANY_FOLLOWED = 100
WALKED_AT_ONCE = 500
WALKED_AT_MOST = 10_000

_PAGE = f"SELECT * FROM {IMAGES} WHERE {{whose}}is_profile = false AND {rows.AFTER.format(id='id')} ORDER BY created_ts DESC, id DESC LIMIT {{limit:d}}"


class Photos(NosqlPart):
    def add_photo(self, photo: Photo) -> None:
        if not self._tables.put_if_absent(IMAGES, rows.of_photo(photo)):
            raise Taken("id")

    def photo(self, photo_id: int) -> Photo | None:
        rows.check(photo_id)
        found = self._tables.get(IMAGES, id=photo_id)
        return rows.photo(found.row) if found else None

    def shown(self, photo_id: int, viewer: int) -> Shown | None:
        photo = self.photo(photo_id)
        return next(iter(self._show([photo], viewer)), None) if photo else None

    def delete_photo(self, photo_id: int, owner: int) -> Photo | None:
        """The row first: reactions are reached by it alone. Those that a kill leaves behind are of an identity that is never used again."""
        photo = self.photo(photo_id)
        if photo is None or photo.user_id != owner or not self._tables.delete(IMAGES, id=photo_id):
            return None
        for row in self._tables.query(f"SELECT user_id FROM {REACTIONS} WHERE image_id = $id", id=photo_id):
            self._tables.delete(REACTIONS, image_id=photo_id, user_id=row["user_id"])
        return photo

    def timeline(self, viewer: int, limit: int, after: Cursor | None = None) -> list[Shown]:
        rows.check(viewer)
        followed = self._tables.query(f"SELECT followed FROM {FOLLOWS} WHERE follower = $viewer", viewer=viewer)
        authors = {viewer, *(row["followed"] for row in followed)}
        found = self._walked(authors, limit, after) if len(authors) > MANY_FOLLOWED else []
        return self._show(found if len(found) == limit else self._merged(authors, limit, after), viewer)

    def photos_of(self, user_id: int, viewer: int, limit: int, after: Cursor | None = None) -> list[Shown]:
        return self._show(self._merged([user_id], limit, after), viewer)

    def react(self, photo_id: int, user_id: int, reaction: Reaction | None) -> Tally | None:
        """One row a person, so that they count once. A photo that is deleted meanwhile takes the row with it, or it is taken back here."""
        if self.photo(photo_id) is None:
            return None
        if reaction is None:
            self._tables.delete(REACTIONS, image_id=photo_id, user_id=user_id)
        else:
            self._tables.put(REACTIONS, {"image_id": photo_id, "user_id": user_id, "reaction": reaction.value})
            if self.photo(photo_id) is None:
                self._tables.delete(REACTIONS, image_id=photo_id, user_id=user_id)
                return None
        return self._tally(photo_id, user_id)

    def known_folders(self, photo_ids: Sequence[int]) -> set[str]:
        if not photo_ids:
            return set()
        among, values = one_of("id", photo_ids)
        return {
            row["image_filename"]
            for row in self._tables.query(f"SELECT image_filename FROM {IMAGES} WHERE {among}", **values)
        }

    def _merged(self, authors: Iterable[int], limit: int, after: Cursor | None) -> list[Photo]:
        """Of each author the newest photos, merged."""
        statement = _PAGE.format(whose="user_id = $author AND ", limit=limit)
        newest = (self._tables.query(statement, author=author, **rows.place(after)) for author in authors)
        return [rows.photo(row) for row in heapq.nlargest(limit, (row for page in newest for row in page), key=_time)]

    def _walked(self, authors: set[int], limit: int, after: Cursor | None) -> list[Photo]:
        """From the newest photo of all backwards, those of the authors; `WALKED_AT_MOST` are looked at."""
        statement = _PAGE.format(whose="", limit=WALKED_AT_ONCE)
        found: list[Photo] = []
        for _ in range(WALKED_AT_MOST // WALKED_AT_ONCE):
            page = self._tables.query(statement, **rows.place(after))
            found += [rows.photo(row) for row in page if row["user_id"] in authors]
            if len(found) >= limit or len(page) < WALKED_AT_ONCE:
                break
            after = Cursor(page[-1]["created_ts"], page[-1]["id"])
        return found[:limit]

    def _show(self, photos: Sequence[Photo], viewer: int) -> list[Shown]:
        authors = self._users(photo.user_id for photo in photos)
        return [
            Shown(photo, authors[photo.user_id], self._tally(photo.id, viewer))
            for photo in photos
            if photo.user_id in authors
        ]

    def _tally(self, photo_id: int, viewer: int) -> Tally:
        counted = self._tables.query(
            f"SELECT reaction, count(*) AS n FROM {REACTIONS} WHERE image_id = $id GROUP BY reaction", id=photo_id
        )
        numbers = {row["reaction"]: int(row["n"]) for row in counted}
        mine = self._tables.get(REACTIONS, image_id=photo_id, user_id=viewer)
        return Tally(
            likes=numbers.get(Reaction.LIKE, 0),
            dislikes=numbers.get(Reaction.DISLIKE, 0),
            mine=Reaction(mine.row["reaction"]) if mine else None,
        )


def _time(row: Row) -> tuple[int, int]:
    return row["created_ts"], row["id"]
