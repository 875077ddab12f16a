"""What FotoGal knows: people, photos, who follows whom, sessions.

The names of the columns are those of the logical model (`fotogal_ntable_*`). Its lists that grow without bound (`liked_list`, `disliked_list`, the four
follow lists) are relations here: a store keeps each as it can best.

Times are whole milliseconds since 1970 in UTC. Identities are positive 63-bit numbers that grow with time (`new_id`), made by the application, so that
no store has to hand them out and several replicas need not agree.
"""

from __future__ import annotations

import enum
import secrets
from dataclasses import dataclass, field

RANDOM_BITS = 21


def new_id(now_ms: int) -> int:
    """A new identity: 42 bits of time, 21 of chance. Two in one millisecond collide with a chance of one in two million: the store then refuses the second."""
    return now_ms << RANDOM_BITS | secrets.randbits(RANDOM_BITS)


class ImageType(enum.StrEnum):
    PNG = "png"
    JPEG = "jpeg"
    GIF = "gif"


class Reaction(enum.StrEnum):
    LIKE = "like"
    DISLIKE = "dislike"


class Relation(enum.StrEnum):
    """What the first of two people is to the second."""

    NONE = "none"
    REQUESTED = "requested"
    FOLLOWING = "following"


@dataclass(frozen=True, slots=True)
class UserData:
    """`user_data`: what a person tells of themselves."""

    site: str = ""
    biography: str = ""
    gender: str = ""


@dataclass(frozen=True, slots=True)
class User:
    """A row of `fotogal_ntable_users`. `password` is an argon2 hash; `email` and `username` are unique whatever their case."""

    id: int
    email: str
    full_name: str
    username: str
    password: str
    created_ts: int
    is_private: bool = False
    is_professional_account: bool = False
    profile_image_url: str = ""
    user_data: UserData = field(default_factory=UserData)


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a profile page counts. Profile photos are not counted."""

    photos: int
    followers: int
    following: int


@dataclass(frozen=True, slots=True)
class Photo:
    """A row of `fotogal_ntable_images`. `image_filename` is the folder of its objects in the bucket (see `objects.interface`)."""

    id: int
    user_id: int
    created_ts: int
    image_url: str
    image_filename: str
    image_original_filename: str
    image_host_fqdn: str
    image_uri: str
    image_type: ImageType
    main_comment: str = ""
    is_profile: bool = False


@dataclass(frozen=True, slots=True)
class Tally:
    """How many people like and dislike a photo, and what the one who looks said."""

    likes: int
    dislikes: int
    mine: Reaction | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A photo as somebody sees it: with its author and its tally."""

    photo: Photo
    author: User
    tally: Tally


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """The place after which a list goes on (keyset paging): the last item's time and identity. Lists are newest first."""

    created_ts: int
    id: int

    def __str__(self) -> str:
        return f"{self.created_ts}-{self.id}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """The cursor written as `text`. Raises ValueError for anything `str()` does not write."""
        created_ts, dash, identity = text.partition("-")
        if not (dash and created_ts.isascii() and created_ts.isdigit() and identity.isascii() and identity.isdigit()):
            raise ValueError(f"not a cursor: {text!r}")
        found = cls(int(created_ts), int(identity))
        if max(found.created_ts, found.id) >= 1 << 63:
            raise ValueError(f"not a cursor: {text!r}")
        return found


@dataclass(frozen=True, slots=True)
class Session:
    """A row of `fotogal_ntable_authsession`. `random_token` is the SHA-256 of the token in hexadecimal: the token itself is with the browser alone."""

    random_token: str
    created_ts: int
    expire_ts: int
    user_id: int
