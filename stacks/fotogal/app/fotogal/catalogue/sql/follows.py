"""Who follows whom, and who asked to.

Whatever changes who follows somebody first locks the row of who is followed: an account that becomes public while somebody asks to follow it leaves no
request behind, and the count of followers is right.
"""

from __future__ import annotations

from collections.abc import Iterable

from fotogal.catalogue.sql import rows
from fotogal.catalogue.sql.base import SqlPart
from fotogal.catalogue.sql.database import Row, Statements
from fotogal.catalogue.sql.schema import FOLLOWS, REQUESTS, USERS
from fotogal.model import Cursor, Relation, User


class Follows(SqlPart):
    def relation(self, viewer: int, target: int) -> Relation:
        return self.relations(viewer, [target])[target]

    def relations(self, viewer: int, targets: Iterable[int]) -> dict[int, Relation]:
        asked = list(targets)
        among = self._database.dialect.any_of
        with self._database.read() as do:
            found = do.all(
                f"""SELECT followed, 'following' FROM {FOLLOWS}
                WHERE follower = :viewer AND {among.format(column="followed", values=":targets")}
                UNION ALL SELECT owner, 'requested' FROM {REQUESTS}
                WHERE requester = :viewer AND {among.format(column="owner", values=":targets")}""",
                viewer=viewer,
                targets=self._database.array(asked),
            )
        return dict.fromkeys(asked, Relation.NONE) | {target: Relation(name) for target, name in found}

    def follow(self, viewer: int, target: int, now_ms: int) -> Relation:
        if viewer == target:
            return Relation.NONE
        with self._database.write() as do:
            is_private = self._lock(do, target)
            if is_private is None:
                return Relation.NONE
            if not is_private:
                _follow(do, viewer, target, now_ms)
                return Relation.FOLLOWING
            if do.one(
                f"SELECT 1 FROM {FOLLOWS} WHERE follower = :viewer AND followed = :target", viewer=viewer, target=target
            ):
                return Relation.FOLLOWING
            do.run(
                f"""INSERT INTO {REQUESTS} (requester, owner, created_ts) VALUES (:viewer, :target, :now)
                ON CONFLICT DO NOTHING""",
                viewer=viewer,
                target=target,
                now=now_ms,
            )
            return Relation.REQUESTED

    def unfollow(self, viewer: int, target: int) -> None:
        with self._database.write() as do:
            self._lock(do, target)
            gone = do.run(
                f"DELETE FROM {FOLLOWS} WHERE follower = :viewer AND followed = :target", viewer=viewer, target=target
            )
            do.run(f"UPDATE {USERS} SET followers = followers - :gone WHERE id = :id", id=target, gone=gone)
            _forget_request(do, viewer, target)

    def accept(self, owner: int, requester: int, now_ms: int) -> bool:
        with self._database.write() as do:
            self._lock(do, owner)
            if not _forget_request(do, requester, owner):
                return False
            _follow(do, requester, owner, now_ms)
            return True

    def refuse(self, owner: int, requester: int) -> bool:
        with self._database.write() as do:
            return _forget_request(do, requester, owner)

    def requests_received(self, user_id: int, limit: int, after: Cursor | None = None) -> list[tuple[Cursor, User]]:
        return self._people(REQUESTS, "owner", "requester", user_id, limit, after)

    def requests_sent(self, user_id: int, limit: int, after: Cursor | None = None) -> list[tuple[Cursor, User]]:
        return self._people(REQUESTS, "requester", "owner", user_id, limit, after)

    def followers(self, user_id: int, limit: int, after: Cursor | None = None) -> list[tuple[Cursor, User]]:
        return self._people(FOLLOWS, "followed", "follower", user_id, limit, after)

    def following(self, user_id: int, limit: int, after: Cursor | None = None) -> list[tuple[Cursor, User]]:
        return self._people(FOLLOWS, "follower", "followed", user_id, limit, after)

    def _people(
        self, table: str, known: str, wanted: str, user_id: int, limit: int, after: Cursor | None
    ) -> list[tuple[Cursor, User]]:
        """One page of the people that stand in column `wanted` where `known` is `user_id`."""
        with self._database.read() as do:
            found = do.all(
                f"""SELECT t.created_ts, {rows.USER} FROM {table} t JOIN {USERS} u ON u.id = t.{wanted}
                WHERE t.{known} = :user_id AND (t.created_ts, t.{wanted}) < (:after_ts, :after_id)
                ORDER BY t.created_ts DESC, t.{wanted} DESC LIMIT :limit""",
                user_id=user_id,
                limit=limit,
                **rows.place(after),
            )
        return [_person(row) for row in found]

    def _lock(self, do: Statements, target: int) -> bool | None:
        """Whether the account is private; None if there is none. Nobody else changes who follows it until the end of the transaction."""
        row = do.one(f"SELECT is_private FROM {USERS} WHERE id = :id{self._database.dialect.lock}", id=target)
        return bool(row[0]) if row else None


def _person(row: Row) -> tuple[Cursor, User]:
    user = rows.user(row[1:])
    return Cursor(row[0], user.id), user


def _follow(do: Statements, follower: int, followed: int, now_ms: int) -> None:
    new = do.run(
        f"INSERT INTO {FOLLOWS} (follower, followed, created_ts) VALUES (:follower, :followed, :now) ON CONFLICT DO NOTHING",
        follower=follower,
        followed=followed,
        now=now_ms,
    )
    do.run(f"UPDATE {USERS} SET followers = followers + :new WHERE id = :id", id=followed, new=new)


def _forget_request(do: Statements, requester: int, owner: int) -> bool:
    """Whether there was one."""
    return bool(
        do.run(
            f"DELETE FROM {REQUESTS} WHERE requester = :requester AND owner = :owner", requester=requester, owner=owner
        )
    )
