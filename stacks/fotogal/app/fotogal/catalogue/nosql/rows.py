"""Rows to values and back."""

from __future__ import annotations

from dataclasses import asdict, fields

from fotogal.catalogue.nosql.tables import Row, Value
from fotogal.model import Cursor, ImageType, Photo, Session, User, UserData

_PHOTO = tuple(field.name for field in fields(Photo))
_LOWEST, _HIGHEST = -(1 << 63), (1 << 63) - 1
NEWEST = Cursor(_HIGHEST, _HIGHEST)

# The condition of a list that goes on, newest first, for the column `{id}`. The first half is what an index is entered by.
AFTER = "created_ts <= $ts AND (created_ts < $ts OR {id} < $id)"


def check(*values: object) -> None:
    """Raises ValueError for what not every catalogue can keep."""
    for value in values:
        if isinstance(value, str) and "\0" in value:
            raise ValueError("a text has a character U+0000")
        if isinstance(value, int) and not _LOWEST <= value <= _HIGHEST:
            raise ValueError(f"a number has more than 64 bits: {value}")


def place(after: Cursor | None) -> dict[str, Value]:
    """The values of `AFTER`."""
    after = after or NEWEST
    return {"ts": after.created_ts, "id": after.id}


def key(text: str) -> str:
    """What two names have in common that differ in case alone."""
    return text.casefold()


def of_user(user: User) -> Row:
    row = asdict(user) | {"username_key": key(user.username)}
    check(*row.values())
    return row


def user(row: Row) -> User:
    return User(
        id=row["id"],
        email=row["email"],
        full_name=row["full_name"],
        username=row["username"],
        password=row["password"],
        created_ts=row["created_ts"],
        is_private=bool(row["is_private"]),
        is_professional_account=bool(row["is_professional_account"]),
        profile_image_url=row["profile_image_url"],
        user_data=UserData(**row["user_data"]),
    )


def of_photo(photo: Photo) -> Row:
    row = {name: getattr(photo, name) for name in _PHOTO} | {"image_type": photo.image_type.value}
    check(*row.values())
    return row


def photo(row: Row) -> Photo:
    values = {name: row[name] for name in _PHOTO}
    return Photo(**values | {"image_type": ImageType(row["image_type"]), "is_profile": bool(row["is_profile"])})


def session(row: Row) -> Session:
    return Session(row["random_token"], row["created_ts"], row["expire_ts"], row["user_id"])
