"""Fills an empty catalogue with very many rows at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields

from fotogal import generate
from fotogal.catalogue.sql import rows, schema
from fotogal.catalogue.sql.database import Database, Row
from fotogal.catalogue.sql.people import key
from fotogal.generate import Follow, Plan
from fotogal.model import Photo, User

_USER = (
    "id", "email", "email_key", "full_name", "username", "username_key", "password", "created_ts", "is_private",
    "is_professional_account", "profile_image_url", "user_data", "followers",
)  # fmt: skip
_PHOTO = tuple(field.name for field in fields(Photo))
_FOLLOW = ("follower", "followed", "created_ts")


class NotEmpty(Exception):
    """There are people in the catalogue already: what is invented is not mixed with what is real."""


def load(database: Database, plan: Plan) -> None:
    """All of `plan`, or nothing. Raises NotEmpty. The indexes are made once at the end, which is quicker than keeping them up to date row by row."""
    with database.maintain() as do:
        if do.one(f"SELECT 1 FROM {schema.USERS} LIMIT 1"):
            raise NotEmpty("the catalogue has people already; generate fills an empty one")
        for index in schema.indexes():
            do.run(f"DROP INDEX {index.name}")
        followers = Counter(follow.followed for follow in generate.follows(plan))
        database.load(do, schema.USERS, _USER, (_user(user, followers[user.id]) for user in generate.users(plan)))
        database.load(do, schema.IMAGES, _PHOTO, map(_photo, generate.photos(plan)))
        database.load(do, schema.FOLLOWS, _FOLLOW, map(_follow, generate.follows(plan)))
        for index in schema.indexes():
            do.run(index.sql)
    database.settle()


def _user(user: User, followers: int) -> Row:
    return (
        user.id, user.email, key(user.email), user.full_name, user.username, key(user.username), user.password, user.created_ts,
        user.is_private, user.is_professional_account, user.profile_image_url, rows.user_data(user.user_data), followers,
    )  # fmt: skip


def _photo(photo: Photo) -> Row:
    return tuple(getattr(photo, name) for name in _PHOTO)


def _follow(follow: Follow) -> Row:
    return follow.follower, follow.followed, follow.created_ts
