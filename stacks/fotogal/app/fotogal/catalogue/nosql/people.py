"""People: accounts, profiles, suggestions, search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fotogal.catalogue.interface import Taken
from fotogal.catalogue.nosql import rows
from fotogal.catalogue.nosql.base import NosqlPart
from fotogal.catalogue.nosql.follows import take_everybody
from fotogal.catalogue.nosql.schema import FOLLOWS, IMAGES, NAMES, REQUESTS, USERS
from fotogal.model import Counts, User, UserData

_LAST = "\U0010ffff"
# A name that a killed registration holds is free again after this time.
CLAIM_MS = 60_000
# Whose followers are counted to suggest those with most.
CANDIDATES = 200


class People(NosqlPart):
    def add_user(self, user: User) -> None:
        """First the names, each whole or not at all, then the person: whoever is in the table has both. What was refused gives its names back."""
        row = rows.of_user(user)
        claimed: list[str] = []
        try:
            for field, text in (("email", user.email), ("username", user.username)):
                name = _name(field, text)
                if not self._claim(name, user):
                    raise Taken(field)
                claimed.append(name)
            if not self._tables.put_if_absent(USERS, row):
                raise Taken("id")
        except Taken:
            for name in claimed:
                self._tables.delete(NAMES, name=name)
            raise

    def user(self, user_id: int) -> User | None:
        return self._user(user_id)

    def user_by_username(self, username: str) -> User | None:
        return self._by_name(_name("username", username))

    def user_by_email(self, email: str) -> User | None:
        return self._by_name(_name("email", email))

    def edit_profile(self, user_id: int, full_name: str, is_private: bool, user_data: UserData) -> None:
        self._change(
            user_id, lambda user: replace(user, full_name=full_name, is_private=is_private, user_data=user_data)
        )
        if not is_private:
            take_everybody(self._tables, user_id)

    def set_password(self, user_id: int, password: str) -> None:
        self._change(user_id, lambda user: replace(user, password=password))

    def set_profile_image(self, user_id: int, url: str) -> str:
        before = self._change(user_id, lambda user: replace(user, profile_image_url=url))
        return before.profile_image_url if before else ""

    def suggestions(self, viewer: int, limit: int) -> list[User]:
        candidates = self._tables.query(
            f"SELECT * FROM {USERS} WHERE is_professional_account = true ORDER BY id DESC LIMIT {CANDIDATES}"
        )
        new = [rows.user(row) for row in candidates if row["id"] != viewer and not self._knows(viewer, row["id"])]
        followers = {user.id: self._count(FOLLOWS, "followed = $id", id=user.id) for user in new}
        return sorted(new, key=lambda user: (followers[user.id], user.id), reverse=True)[:limit]

    def search(self, text: str, limit: int) -> list[User]:
        first = rows.key(text)
        if "\0" in first:
            return []
        found = self._tables.query(
            f"SELECT * FROM {USERS} WHERE username_key >= $first AND username_key < $last ORDER BY username_key LIMIT {limit:d}",
            first=first,
            last=first + _LAST,
        )
        return [rows.user(row) for row in found]

    def counts(self, user_id: int) -> Counts:
        return Counts(
            photos=self._count(IMAGES, "user_id = $id AND is_profile = false", id=user_id),
            followers=self._count(FOLLOWS, "followed = $id", id=user_id),
            following=self._count(FOLLOWS, "follower = $id", id=user_id),
        )

    def _knows(self, viewer: int, target: int) -> bool:
        return bool(
            self._tables.get(FOLLOWS, follower=viewer, followed=target)
            or self._tables.get(REQUESTS, owner=target, requester=viewer)
        )

    def _by_name(self, name: str) -> User | None:
        if "\0" in name:
            return None
        found = self._tables.get(NAMES, name=name)
        return self._user(found.row["user_id"]) if found else None

    def _claim(self, name: str, user: User) -> bool:
        """Whether the name is `user`'s now."""
        row = {"name": name, "user_id": user.id, "created_ts": user.created_ts}
        if self._tables.put_if_absent(NAMES, row):
            return True
        held = self._tables.get(NAMES, name=name)
        if held is None:  # given back just now
            return self._tables.put_if_absent(NAMES, row)
        if held.row["created_ts"] > user.created_ts - CLAIM_MS or self._user(held.row["user_id"]):
            return False
        return self._tables.put_if_version(NAMES, row, held.version)

    def _change(self, user_id: int, change: Callable[[User], User]) -> User | None:
        """Reads, changes, writes if nobody else wrote meanwhile; else again. The person as they were before."""
        while found := self._tables.get(USERS, id=user_id):
            before = rows.user(found.row)
            if self._tables.put_if_version(USERS, rows.of_user(change(before)), found.version):
                return before
        return None


def _name(field: str, text: str) -> str:
    return f"{field}:{rows.key(text)}"
