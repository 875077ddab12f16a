"""Who follows whom, and who asked to.

Several rows are written without a transaction, so the order counts. A request is taken away before its follow is written: who is killed in between has
lost a request, which can be made again; nobody ever follows a private account that did not accept. A request is written and then the account is looked at
once more: one that became public meanwhile takes it, either by who asks or by who changed.
"""

from __future__ import annotations

from collections.abc import Iterable

from fotogal.catalogue.nosql import rows
from fotogal.catalogue.nosql.base import NosqlPart, one_of
from fotogal.catalogue.nosql.schema import FOLLOWS, REQUESTS
from fotogal.catalogue.nosql.tables import Tables
from fotogal.model import Cursor, Relation, User


class Follows(NosqlPart):
    def relation(self, viewer: int, target: int) -> Relation:
        return self.relations(viewer, [target])[target]

    def relations(self, viewer: int, targets: Iterable[int]) -> dict[int, Relation]:
        asked = list(targets)
        relations = dict.fromkeys(asked, Relation.NONE)
        if asked:
            for table, known, wanted, relation in (
                (REQUESTS, "requester", "owner", Relation.REQUESTED),
                (FOLLOWS, "follower", "followed", Relation.FOLLOWING),
            ):
                among, values = one_of(wanted, asked)
                found = self._tables.query(
                    f"SELECT {wanted} FROM {table} WHERE {known} = $viewer AND {among}", viewer=viewer, **values
                )
                relations |= {row[wanted]: relation for row in found}
        return relations

    def follow(self, viewer: int, target: int, now_ms: int) -> Relation:
        account = self._user(target)
        if viewer == target or account is None:
            return Relation.NONE
        if self._tables.get(FOLLOWS, follower=viewer, followed=target):
            return Relation.FOLLOWING
        if account.is_private:
            self._tables.put_if_absent(REQUESTS, {"owner": target, "requester": viewer, "created_ts": now_ms})
            account = self._user(target)
            if account is None or account.is_private:
                return Relation.REQUESTED
            self._tables.delete(REQUESTS, owner=target, requester=viewer)
        _follow(self._tables, viewer, target, now_ms)
        return Relation.FOLLOWING

    def unfollow(self, viewer: int, target: int) -> None:
        self._tables.delete(REQUESTS, owner=target, requester=viewer)
        self._tables.delete(FOLLOWS, follower=viewer, followed=target)

    def accept(self, owner: int, requester: int, now_ms: int) -> bool:
        if not self._tables.delete(REQUESTS, owner=owner, requester=requester):
            return False
        _follow(self._tables, requester, owner, now_ms)
        return True

    def refuse(self, owner: int, requester: int) -> bool:
        return self._tables.delete(REQUESTS, owner=owner, requester=requester)

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
        found = self._tables.query(
            f"""SELECT created_ts, {wanted} FROM {table} WHERE {known} = $user_id AND {rows.AFTER.format(id=wanted)}
            ORDER BY created_ts DESC, {wanted} DESC LIMIT {limit:d}""",
            user_id=user_id,
            **rows.place(after),
        )
        users = self._users(row[wanted] for row in found)
        return [(Cursor(row["created_ts"], row[wanted]), users[row[wanted]]) for row in found if row[wanted] in users]


def take_everybody(tables: Tables, owner: int) -> None:
    """Whoever asked to follow `owner` does."""
    for row in tables.query(f"SELECT requester, created_ts FROM {REQUESTS} WHERE owner = $owner", owner=owner):
        if tables.delete(REQUESTS, owner=owner, requester=row["requester"]):
            _follow(tables, row["requester"], owner, row["created_ts"])


def _follow(tables: Tables, follower: int, followed: int, now_ms: int) -> None:
    tables.put_if_absent(FOLLOWS, {"follower": follower, "followed": followed, "created_ts": now_ms})
