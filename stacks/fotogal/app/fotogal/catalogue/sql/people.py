"""People: accounts, profiles, suggestions, search."""

from __future__ import annotations

from fotogal.catalogue.interface import Taken
from fotogal.catalogue.sql import rows
from fotogal.catalogue.sql.base import SqlPart
from fotogal.catalogue.sql.database import Statements
from fotogal.catalogue.sql.schema import FOLLOWS, IMAGES, REQUESTS, USERS
from fotogal.model import Counts, User, UserData

_HIGHEST = "\U0010ffff"


def key(text: str) -> str:
    """What two names have in common that differ in case alone. Made here, as databases do not agree on the case of letters beyond ASCII."""
    return text.casefold()


class People(SqlPart):
    def add_user(self, user: User) -> None:
        with self._database.write() as do:
            added = do.run(
                f"""INSERT INTO {USERS} (id, email, email_key, full_name, username, username_key, password, created_ts,
                    is_private, is_professional_account, profile_image_url, user_data)
                VALUES (:id, :email, :email_key, :full_name, :username, :username_key, :password, :created_ts,
                    :is_private, :is_professional_account, :profile_image_url, :user_data)
                ON CONFLICT DO NOTHING""",
                id=user.id,
                email=user.email,
                email_key=key(user.email),
                full_name=user.full_name,
                username=user.username,
                username_key=key(user.username),
                password=user.password,
                created_ts=user.created_ts,
                is_private=user.is_private,
                is_professional_account=user.is_professional_account,
                profile_image_url=user.profile_image_url,
                user_data=rows.user_data(user.user_data),
            )
            if not added:
                raise Taken(self._taken(do, user))

    def user(self, user_id: int) -> User | None:
        return self._find("u.id = :value", user_id)

    def user_by_username(self, username: str) -> User | None:
        return self._find("u.username_key = :value", key(username))

    def user_by_email(self, email: str) -> User | None:
        return self._find("u.email_key = :value", key(email))

    def edit_profile(self, user_id: int, full_name: str, is_private: bool, user_data: UserData) -> None:
        with self._database.write() as do:
            do.run(
                f"UPDATE {USERS} SET full_name = :full_name, is_private = :is_private, user_data = :user_data WHERE id = :id",
                id=user_id,
                full_name=full_name,
                is_private=is_private,
                user_data=rows.user_data(user_data),
            )
            if not is_private:
                _take_everybody(do, user_id)

    def set_password(self, user_id: int, password: str) -> None:
        with self._database.write() as do:
            do.run(f"UPDATE {USERS} SET password = :password WHERE id = :id", id=user_id, password=password)

    def set_profile_image(self, user_id: int, url: str) -> str:
        with self._database.write() as do:
            before = do.one(
                f"SELECT profile_image_url FROM {USERS} WHERE id = :id{self._database.dialect.lock}", id=user_id
            )
            do.run(f"UPDATE {USERS} SET profile_image_url = :url WHERE id = :id", id=user_id, url=url)
        return before[0] if before else ""

    def suggestions(self, viewer: int, limit: int) -> list[User]:
        with self._database.read() as do:
            found = do.all(
                f"""SELECT {rows.USER} FROM {USERS} u
                WHERE u.is_professional_account AND u.id <> :viewer
                AND NOT EXISTS (SELECT 1 FROM {FOLLOWS} f WHERE f.follower = :viewer AND f.followed = u.id)
                AND NOT EXISTS (SELECT 1 FROM {REQUESTS} q WHERE q.requester = :viewer AND q.owner = u.id)
                ORDER BY u.followers DESC, u.id DESC LIMIT :limit""",
                viewer=viewer,
                limit=limit,
            )
        return [rows.user(row) for row in found]

    def search(self, text: str, limit: int) -> list[User]:
        first = key(text)
        if "\0" in first:
            return []
        with self._database.read() as do:
            found = do.all(
                f"""SELECT {rows.USER} FROM {USERS} u WHERE u.username_key >= :first AND u.username_key < :last
                ORDER BY u.username_key LIMIT :limit""",
                first=first,
                last=first + _HIGHEST,
                limit=limit,
            )
        return [rows.user(row) for row in found]

    def counts(self, user_id: int) -> Counts:
        with self._database.read() as do:
            row = do.one(
                f"""SELECT (SELECT count(*) FROM {IMAGES} WHERE user_id = :id AND NOT is_profile),
                (SELECT followers FROM {USERS} WHERE id = :id), (SELECT count(*) FROM {FOLLOWS} WHERE follower = :id)""",
                id=user_id,
            )
        assert row is not None  # a SELECT of counts has one row
        return Counts(photos=row[0], followers=row[1] or 0, following=row[2])

    def _find(self, condition: str, value: object) -> User | None:
        if isinstance(value, str) and "\0" in value:
            return None
        with self._database.read() as do:
            row = do.one(f"SELECT {rows.USER} FROM {USERS} u WHERE {condition}", value=value)
        return rows.user(row) if row else None

    def _taken(self, do: Statements, user: User) -> str:
        row = do.one(
            f"""SELECT email_key, username_key FROM {USERS} WHERE email_key = :email_key OR username_key = :username_key
            ORDER BY email_key <> :email_key LIMIT 1""",
            email_key=key(user.email),
            username_key=key(user.username),
        )
        if row is None:
            return "id"
        return "email" if row[0] == key(user.email) else "username"


def _take_everybody(do: Statements, owner: int) -> None:
    """Whoever asked to follow `owner` does."""
    taken = do.run(
        f"""INSERT INTO {FOLLOWS} (follower, followed, created_ts)
        SELECT requester, owner, created_ts FROM {REQUESTS} WHERE owner = :owner ON CONFLICT DO NOTHING""",
        owner=owner,
    )
    do.run(f"DELETE FROM {REQUESTS} WHERE owner = :owner", owner=owner)
    do.run(f"UPDATE {USERS} SET followers = followers + :taken WHERE id = :owner", owner=owner, taken=taken)
