"""What every catalogue can do. One suite of contract tests (`tests/contract_catalogue.py`) holds for each implementation.

Each call is one transaction. Implementations may be used by several threads at once and by several processes.
Any call raises `Unavailable` when the store does not answer; no call leaves half a change behind.
A text with U+0000 or a number of more than 64 bits raises ValueError where it is to be kept or asked for by identity; a name that has one is nobody's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from fotogal.model import Counts, Cursor, Photo, Reaction, Relation, Session, Shown, Tally, User, UserData


class Unavailable(Exception):
    """The store does not answer, or not in time: 503, and the call may be tried again later."""


class Taken(Exception):
    """Somebody has it already: `field` is `email`, `username` or `id`."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class Catalogue(Protocol):
    def provision(self) -> list[str]:
        """Creates the tables and indexes that are missing. Returns what it did, a line each; nothing when all was there."""

    def ready(self) -> None:
        """Asks the store something small. Raises Unavailable."""

    def close(self) -> None: ...

    # People

    def add_user(self, user: User) -> None:
        """Raises Taken."""

    def user(self, user_id: int) -> User | None: ...

    def user_by_username(self, username: str) -> User | None:
        """Whatever its case."""

    def user_by_email(self, email: str) -> User | None:
        """Whatever its case."""

    def edit_profile(self, user_id: int, full_name: str, is_private: bool, user_data: UserData) -> None:
        """An account that becomes public takes everybody who asked to follow it."""

    def set_password(self, user_id: int, password: str) -> None: ...

    def set_profile_image(self, user_id: int, url: str) -> str:
        """The address that `url` took the place of: of several at once each gets another one."""

    def suggestions(self, viewer: int, limit: int) -> list[User]:
        """Professional accounts that `viewer` neither is, follows nor asked to follow; those with most followers first."""

    def search(self, text: str, limit: int) -> list[User]:
        """People whose user name begins with `text`, whatever its case, in the order of their names."""

    def counts(self, user_id: int) -> Counts: ...

    # Who follows whom

    def relation(self, viewer: int, target: int) -> Relation: ...

    def relations(self, viewer: int, targets: Iterable[int]) -> dict[int, Relation]:
        """For each of `targets`, in one question."""

    def follow(self, viewer: int, target: int, now_ms: int) -> Relation:
        """Follows a public account, asks to follow a private one; again it changes nothing. Nobody follows themselves, or who is not there: NONE."""

    def unfollow(self, viewer: int, target: int) -> None:
        """Also takes a request back."""

    def accept(self, owner: int, requester: int, now_ms: int) -> bool:
        """Whether there was a request."""

    def refuse(self, owner: int, requester: int) -> bool:
        """Whether there was a request."""

    def requests_received(self, user_id: int, limit: int, after: Cursor | None = None) -> list[tuple[Cursor, User]]:
        """Newest first, each with the cursor that goes on behind it; so are the three below."""

    def requests_sent(self, user_id: int, limit: int, after: Cursor | None = None) -> list[tuple[Cursor, User]]: ...

    def followers(self, user_id: int, limit: int, after: Cursor | None = None) -> list[tuple[Cursor, User]]: ...

    def following(self, user_id: int, limit: int, after: Cursor | None = None) -> list[tuple[Cursor, User]]: ...

    # Photos

    def add_photo(self, photo: Photo) -> None:
        """Raises Taken (`id`)."""

    def photo(self, photo_id: int) -> Photo | None: ...

    def shown(self, photo_id: int, viewer: int) -> Shown | None:
        """One photo as `viewer` sees it, with its author and tally. Whether they may see it is not asked here."""

    def delete_photo(self, photo_id: int, owner: int) -> Photo | None:
        """The photo that was deleted with its likes; None if there is none of that identity that is `owner`'s."""

    def timeline(self, viewer: int, limit: int, after: Cursor | None = None) -> list[Shown]:
        """Photos of `viewer` and of those they follow, newest first, without profile photos. A deep page costs no more than the first."""

    def photos_of(self, user_id: int, viewer: int, limit: int, after: Cursor | None = None) -> list[Shown]:
        """The photos of one person as `viewer` sees them, newest first, without profile photos. Whether they may see them is not asked here."""

    def react(self, photo_id: int, user_id: int, reaction: Reaction | None) -> Tally | None:
        """Sets what `user_id` says of the photo (None takes it back); one person counts once. None if there is no such photo."""

    def known_folders(self, photo_ids: Sequence[int]) -> set[str]:
        """The `image_filename` of those of the given that have a row: what a sweep must leave."""

    # Sessions and attempts to log in

    def add_session(self, session: Session) -> None: ...

    def session(self, random_token: str, now_ms: int) -> tuple[Session, User] | None:
        """The session that has not expired, and whose it is, in one question."""

    def remove_session(self, random_token: str) -> None: ...

    def remove_sessions_of(self, user_id: int) -> None: ...

    def remove_expired(self, now_ms: int) -> int:
        """Removes sessions and attempts that are over. How many."""

    def attempt(self, key: str, now_ms: int, window_ms: int) -> int:
        """Counts one more attempt under `key` and returns how many there were in the window that began with the first of them."""

    def forget_attempts(self, key: str) -> None: ...
