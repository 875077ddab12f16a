"""Rows to values and back: the columns of each, in the order in which they are read."""

from __future__ import annotations

import json
from dataclasses import asdict

from fotogal.catalogue.sql.database import Row
from fotogal.model import Cursor, ImageType, Photo, Reaction, Shown, Tally, User, UserData

USER = (
    "u.id, u.email, u.full_name, u.username, u.password, u.created_ts, u.is_private, u.is_professional_account, "
    "u.profile_image_url, CAST(u.user_data AS text)"
)
PHOTO = (
    "i.id, i.user_id, i.created_ts, i.image_url, i.image_filename, i.image_original_filename, i.image_host_fqdn, i.image_uri, "
    "i.image_type, i.main_comment, i.is_profile"
)
SHOWN = f"{PHOTO}, i.likes, i.dislikes, r.reaction, {USER}"

_LAST = (1 << 63) - 1
NEWEST = Cursor(_LAST, _LAST)


def user(row: Row) -> User:
    """From the columns `USER`."""
    identity, email, full_name, username, password, created_ts, is_private, is_professional, image_url, data = row
    return User(
        identity,
        email,
        full_name,
        username,
        password,
        created_ts,
        bool(is_private),
        bool(is_professional),
        image_url,
        UserData(**json.loads(data)),
    )


def user_data(data: UserData) -> str:
    return json.dumps(asdict(data), ensure_ascii=False)


def photo(row: Row) -> Photo:
    """From the columns `PHOTO`."""
    identity, user_id, created_ts, url, filename, original, host, uri, image_type, comment, is_profile = row
    return Photo(
        identity,
        user_id,
        created_ts,
        url,
        filename,
        original,
        host,
        uri,
        ImageType(image_type),
        comment,
        bool(is_profile),
    )


def tally(likes: int, dislikes: int, mine: str | None) -> Tally:
    return Tally(likes, dislikes, Reaction(mine) if mine else None)


def shown(row: Row) -> Shown:
    """From the columns `SHOWN`."""
    return Shown(photo(row[:11]), user(row[14:]), tally(*row[11:14]))


def place(after: Cursor | None) -> dict[str, int]:
    """The parameters `:after_ts` and `:after_id` of a list: a first page is what comes after the newest there could be."""
    after = after or NEWEST
    return {"after_ts": after.created_ts, "after_id": after.id}
