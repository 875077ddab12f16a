"""Photos: rows, timelines, reactions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from fotogal.catalogue.interface import Taken
from fotogal.catalogue.sql import rows
from fotogal.catalogue.sql.base import SqlPart
from fotogal.catalogue.sql.database import Statements
from fotogal.catalogue.sql.schema import FOLLOWS, IMAGES, REACTIONS, USERS
from fotogal.model import Cursor, Photo, Reaction, Shown, Tally

_COLUMNS = [field.name for field in fields(Photo)]

# A page is first found by indexes alone; the rows that it shows are fetched for its few photos.
_SHOW = f"""WITH page AS ({{page}})
SELECT {rows.SHOWN} FROM page
JOIN {IMAGES} i ON i.id = page.id JOIN {USERS} u ON u.id = i.user_id
LEFT JOIN {REACTIONS} r ON r.image_id = i.id AND r.user_id = :viewer
ORDER BY i.created_ts DESC, i.id DESC"""

_PAGE_OF_ONE = f"""SELECT id FROM {IMAGES}
WHERE user_id = :user_id AND NOT is_profile AND (created_ts, id) < (:after_ts, :after_id)
ORDER BY created_ts DESC, id DESC LIMIT :limit"""

# A timeline is found in one of two ways, which the dialects spell out.
# From the newest photo of all backwards, those of who is followed: quick for who follows many, as every few photos one is theirs.
# It looks at `:most` photos and no more, whoever they are of.
# OFFSET 0 has PostgreSQL ask for each photo's author, of which a page needs some hundred, instead of first reading all thousands who are followed.
_SEEN_BY_VIEWER = (
    "(user_id = :viewer OR EXISTS "
    f"(SELECT 1 FROM {FOLLOWS} f WHERE f.follower = :viewer AND f.followed = user_id LIMIT 1 OFFSET 0))"
)
# Of each who is followed the newest photos, merged: quick for who follows few, and empty for who follows `:many` or more.
_AUTHORS = f"SELECT followed AS author FROM {FOLLOWS} WHERE follower = :viewer UNION ALL SELECT CAST(:viewer AS bigint)"
_NEWEST_OF_AUTHOR = f"""SELECT id, created_ts FROM {IMAGES}
    WHERE user_id = authors.author AND NOT is_profile AND (created_ts, id) < (:after_ts, :after_id)
    ORDER BY created_ts DESC, id DESC"""
_FOLLOWS_MANY = f"SELECT 1 FROM {FOLLOWS} WHERE follower = :viewer LIMIT 1 OFFSET :many - 1"

MANY_FOLLOWED = 1000
WALKED_AT_MOST = 5_000
# More than anybody follows: whoever it is, the photos are merged.
_EVERYBODY = 1 << 62


class Photos(SqlPart):
    def add_photo(self, photo: Photo) -> None:
        names = ", ".join(_COLUMNS)
        values = ", ".join(f":{name}" for name in _COLUMNS)
        with self._database.write() as do:
            if not do.run(
                f"INSERT INTO {IMAGES} ({names}) VALUES ({values}) ON CONFLICT DO NOTHING",
                **{name: getattr(photo, name) for name in _COLUMNS},
            ):
                raise Taken("id")

    def photo(self, photo_id: int) -> Photo | None:
        with self._database.read() as do:
            row = do.one(f"SELECT {rows.PHOTO} FROM {IMAGES} i WHERE i.id = :id", id=photo_id)
        return rows.photo(row) if row else None

    def shown(self, photo_id: int, viewer: int) -> Shown | None:
        with self._database.read() as do:
            row = do.one(
                _SHOW.format(page=f"SELECT id FROM {IMAGES} WHERE id = :photo_id"), photo_id=photo_id, viewer=viewer
            )
        return rows.shown(row) if row else None

    def delete_photo(self, photo_id: int, owner: int) -> Photo | None:
        with self._database.write() as do:
            row = do.one(
                f"SELECT {rows.PHOTO} FROM {IMAGES} i WHERE i.id = :id AND i.user_id = :owner{self._database.dialect.lock}",
                id=photo_id,
                owner=owner,
            )
            if row is None:
                return None
            do.run(f"DELETE FROM {REACTIONS} WHERE image_id = :id", id=photo_id)
            do.run(f"DELETE FROM {IMAGES} WHERE id = :id", id=photo_id)
        return rows.photo(row)

    def timeline(self, viewer: int, limit: int, after: Cursor | None = None) -> list[Shown]:
        dialect = self._database.dialect
        merged = _SHOW.format(
            page=dialect.per_author.format(
                authors=_AUTHORS, newest=_NEWEST_OF_AUTHOR, many=_FOLLOWS_MANY, images=IMAGES
            )
        )
        about = {"viewer": viewer, "limit": limit, **rows.place(after)}
        with self._database.read() as do:
            # Most people follow few, and have their page with one question.
            found = do.all(merged, many=MANY_FOLLOWED, **about)
            if not found and do.one(_FOLLOWS_MANY, viewer=viewer, many=MANY_FOLLOWED):
                found = do.all(
                    _SHOW.format(page=dialect.walked.format(images=IMAGES, seen=_SEEN_BY_VIEWER)),
                    most=WALKED_AT_MOST,
                    **about,
                )
                if len(found) < limit:
                    found = do.all(merged, many=_EVERYBODY, **about)
        return [rows.shown(row) for row in found]

    def photos_of(self, user_id: int, viewer: int, limit: int, after: Cursor | None = None) -> list[Shown]:
        with self._database.read() as do:
            found = do.all(
                _SHOW.format(page=_PAGE_OF_ONE), user_id=user_id, viewer=viewer, limit=limit, **rows.place(after)
            )
        return [rows.shown(row) for row in found]

    def react(self, photo_id: int, user_id: int, reaction: Reaction | None) -> Tally | None:
        with self._database.write() as do:
            row = do.one(
                f"SELECT likes, dislikes FROM {IMAGES} WHERE id = :id{self._database.dialect.lock}", id=photo_id
            )
            if row is None:
                return None
            before = do.one(
                f"SELECT reaction FROM {REACTIONS} WHERE image_id = :image_id AND user_id = :user_id",
                image_id=photo_id,
                user_id=user_id,
            )
            was = Reaction(before[0]) if before else None
            tally = _changed(Tally(row[0], row[1], was), reaction)
            if was is not reaction:
                _keep_reaction(do, photo_id, user_id, reaction)
                do.run(
                    f"UPDATE {IMAGES} SET likes = :likes, dislikes = :dislikes WHERE id = :id",
                    id=photo_id,
                    likes=tally.likes,
                    dislikes=tally.dislikes,
                )
        return tally

    def known_folders(self, photo_ids: Sequence[int]) -> set[str]:
        among = self._database.dialect.any_of.format(column="id", values=":ids")
        with self._database.read() as do:
            found = do.all(f"SELECT image_filename FROM {IMAGES} WHERE {among}", ids=self._database.array(photo_ids))
        return {row[0] for row in found}


def _changed(before: Tally, mine: Reaction | None) -> Tally:
    """The tally after one person has changed what they say."""

    def count(total: int, kind: Reaction) -> int:
        return total + (mine is kind) - (before.mine is kind)

    return Tally(count(before.likes, Reaction.LIKE), count(before.dislikes, Reaction.DISLIKE), mine)


def _keep_reaction(do: Statements, photo_id: int, user_id: int, reaction: Reaction | None) -> None:
    whose = {"image_id": photo_id, "user_id": user_id}
    if reaction is None:
        do.run(f"DELETE FROM {REACTIONS} WHERE image_id = :image_id AND user_id = :user_id", **whose)
        return
    do.run(
        f"""INSERT INTO {REACTIONS} (image_id, user_id, reaction) VALUES (:image_id, :user_id, :reaction)
        ON CONFLICT (image_id, user_id) DO UPDATE SET reaction = excluded.reaction""",
        reaction=reaction,
        **whose,
    )
