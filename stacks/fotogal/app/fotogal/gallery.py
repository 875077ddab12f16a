"""What people do with photos and with each other, and the one place that decides who may see or change what. Knows nothing of the web.

The rules:

- whoever is logged in sees every account's name, profile photo and counts;
- photos, likes and lists of followers of a private account are for itself and its followers;
- a photo is liked by whoever may see it, and deleted by whoever made it.

An upload writes objects first and the row last, a deletion removes the row first: a row never names what is not there. What is left over when
something is killed in between are objects without a row, and `sweep` removes those.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from fotogal import fields, files, imaging
from fotogal.catalogue.interface import Catalogue, Taken, Unavailable
from fotogal.fields import Profile
from fotogal.imaging import Picture
from fotogal.model import RANDOM_BITS, Counts, Cursor, Photo, Reaction, Relation, Shown, Tally, User, new_id
from fotogal.objects.interface import ObjectStore, StoreUnavailable
from fotogal.refusals import Forbidden, NotFound

UPLOAD_ID_LIFETIME_MS = 24 * 60 * 60 * 1000
SUGGESTIONS = 12
FOUND = 30

_NO_PHOTO = "Esta foto não existe, ou foi excluída."
_NO_USER = "Esta conta não existe."
_NO_REQUEST = "Este pedido não existe mais."
_PRIVATE = "Esta conta é privada: só quem a segue vê as fotos dela."
_NOT_YOURS = "Só quem publicou a foto pode excluí-la."


Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Part of a list that goes on behind `after` unless that is None."""

    items: Sequence[Item]
    after: Cursor | None


@dataclass(frozen=True, slots=True)
class Visit:
    """An account as `viewer` meets it."""

    user: User
    relation: Relation
    counts: Counts
    is_self: bool

    @property
    def is_open(self) -> bool:
        """Whether the viewer may see its photos and its followers."""
        return is_open(self.user, self.relation, is_self=self.is_self)


def is_open(user: User, relation: Relation, *, is_self: bool) -> bool:
    """The rule of private accounts. `relation` is what the one who looks is to `user`."""
    return is_self or not user.is_private or relation is Relation.FOLLOWING


@dataclass(frozen=True, slots=True)
class Gallery:
    catalogue: Catalogue
    objects: ObjectStore
    now_ms: Callable[[], int]
    # One picture of this process is decoded at a time: decoding takes a core for itself, and hundreds of megabytes for the largest.
    decoding: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    # Photos

    def new_upload_id(self) -> int:
        """An identity for a photo that is yet to come. A form carries it, so that sending the form twice makes one photo."""
        return new_id(self.now_ms())

    def is_upload_id(self, photo_id: int) -> bool:
        """Whether `new_upload_id` can have made it within the last day."""
        age_ms = self.now_ms() - (photo_id >> RANDOM_BITS)
        return -60_000 <= age_ms <= UPLOAD_ID_LIFETIME_MS

    def publish(
        self, owner: User, data: bytes, filename: str | None, caption: str = "", upload_id: int | None = None
    ) -> Photo:
        """A new photo, or the one that the same upload made before. Raises Invalid, BadImage and its kin."""
        caption = fields.caption(caption)
        photo_id = upload_id if upload_id is not None and self.is_upload_id(upload_id) else self.new_upload_id()
        before = self.catalogue.photo(photo_id)
        if before is not None and before.user_id == owner.id:
            return before
        with self.decoding:
            picture = imaging.read(data)
        return self._store(owner, photo_id, picture, filename, caption)

    def set_profile_photo(self, owner: User, data: bytes, filename: str | None) -> Photo:
        """The new profile photo; the one before is removed."""
        with self.decoding:
            picture = imaging.read(data, imaging.PROFILE_SIZES)
        photo = self._store(owner, self.new_upload_id(), picture, filename, "", is_profile=True)
        # `owner` was read before the upload: the same form sent twice has changed it meanwhile.
        replaced = self.catalogue.set_profile_image(owner.id, photo.image_url)
        before = files.profile_photo(replace(owner, profile_image_url=replaced))
        if before is not None:
            self._remove(before.photo_id, owner)
        return photo

    def delete(self, owner: User, photo_id: int) -> None:
        """Raises NotFound; Forbidden for somebody else's photo."""
        photo = self.catalogue.photo(photo_id)
        if photo is None or photo.is_profile:
            raise NotFound(_NO_PHOTO)
        if photo.user_id != owner.id:
            raise Forbidden(_NOT_YOURS)
        self._remove(photo_id, owner)

    def photo(self, viewer: User, photo_id: int) -> Shown:
        """Raises NotFound; Forbidden for a private account's photo."""
        shown = self.catalogue.shown(photo_id, viewer.id)
        if shown is None or shown.photo.is_profile:
            raise NotFound(_NO_PHOTO)
        self._check_open(viewer, shown.author)
        return shown

    def file(self, viewer: User, folder: str, name: str) -> tuple[Photo, str]:
        """The photo and the key of one of its objects, if `viewer` may see it. Raises NotFound, Forbidden."""
        parts = files.read_folder(folder)
        # With the author, in one question: this is asked for every image of every page.
        shown = self.catalogue.shown(parts.photo_id, viewer.id) if parts else None
        if shown is None or shown.photo.image_filename != folder:
            raise NotFound(_NO_PHOTO)
        variant = next((variant for variant in files.variants(shown.photo) if variant.name == name), None)
        if variant is None:
            raise NotFound(_NO_PHOTO)
        if not shown.photo.is_profile:
            self._check_open(viewer, shown.author)
        return shown.photo, files.key(shown.photo, variant)

    def react(
        self, viewer: User, photo_id: int, reaction: Reaction | None, *, instead_of: Reaction | None = None
    ) -> Tally:
        """Sets what `viewer` says of the photo; None takes it back, with `instead_of` only if it is that. Raises NotFound, Forbidden."""
        shown = self.photo(viewer, photo_id)
        if reaction is None and instead_of is not None and shown.tally.mine is not instead_of:
            return shown.tally
        tally = self.catalogue.react(photo_id, viewer.id, reaction)
        if tally is None:
            raise NotFound(_NO_PHOTO)
        return tally

    def timeline(self, viewer: User, limit: int, after: Cursor | None = None) -> Page[Shown]:
        return _photo_page(self.catalogue.timeline(viewer.id, limit + 1, after), limit)

    def photos_of(self, viewer: User, username: str, limit: int, after: Cursor | None = None) -> Page[Shown]:
        """Raises NotFound, Forbidden."""
        owner = self.user(username)
        self._check_open(viewer, owner)
        return _photo_page(self.catalogue.photos_of(owner.id, viewer.id, limit + 1, after), limit)

    # People

    def user(self, username: str) -> User:
        """Raises NotFound."""
        user = self.catalogue.user_by_username(username) if fields.is_part_of_username(username) else None
        if user is None:
            raise NotFound(_NO_USER)
        return user

    def visit(self, viewer: User, username: str) -> Visit:
        """Raises NotFound."""
        user = self.user(username)
        return Visit(
            user, self.catalogue.relation(viewer.id, user.id), self.catalogue.counts(user.id), user.id == viewer.id
        )

    def suggestions(self, viewer: User) -> list[User]:
        return self.catalogue.suggestions(viewer.id, SUGGESTIONS)

    def search(self, viewer: User, text: str) -> list[tuple[User, Relation]]:
        """People whose user name begins with `text`."""
        wanted = text.strip().removeprefix("@")
        return self.with_relations(
            viewer, self.catalogue.search(wanted, FOUND) if fields.is_part_of_username(wanted) else []
        )

    def with_relations(self, viewer: User, people: Sequence[User]) -> list[tuple[User, Relation]]:
        """Each with what `viewer` is to them."""
        relations = self.catalogue.relations(viewer.id, [person.id for person in people])
        return [(person, relations.get(person.id, Relation.NONE)) for person in people]

    def followers(self, viewer: User, username: str, limit: int, after: Cursor | None = None) -> Page[User]:
        """Raises NotFound, Forbidden."""
        owner = self.user(username)
        self._check_open(viewer, owner)
        return _people_page(self.catalogue.followers(owner.id, limit + 1, after), limit)

    def following(self, viewer: User, username: str, limit: int, after: Cursor | None = None) -> Page[User]:
        """Raises NotFound, Forbidden."""
        owner = self.user(username)
        self._check_open(viewer, owner)
        return _people_page(self.catalogue.following(owner.id, limit + 1, after), limit)

    def edit_profile(self, owner: User, profile: Profile) -> None:
        self.catalogue.edit_profile(owner.id, profile.full_name, profile.is_private, profile.user_data)

    # Who follows whom

    def follow(self, viewer: User, username: str) -> Relation:
        """Follows, or asks to follow a private account. Raises NotFound; Forbidden for oneself."""
        target = self.user(username)
        if target.id == viewer.id:
            raise Forbidden("Ninguém segue a si mesmo.")
        relation = self.catalogue.follow(viewer.id, target.id, self.now_ms())
        if relation is Relation.NONE:
            raise NotFound(_NO_USER)
        return relation

    def unfollow(self, viewer: User, username: str) -> Relation:
        """Also takes a request back. Raises NotFound."""
        self.catalogue.unfollow(viewer.id, self.user(username).id)
        return Relation.NONE

    def accept(self, owner: User, username: str) -> None:
        """Raises NotFound if there is no such request."""
        if not self.catalogue.accept(owner.id, self.user(username).id, self.now_ms()):
            raise NotFound(_NO_REQUEST)

    def refuse(self, owner: User, username: str) -> None:
        """Raises NotFound if there is no such request."""
        if not self.catalogue.refuse(owner.id, self.user(username).id):
            raise NotFound(_NO_REQUEST)

    def requests_received(self, owner: User, limit: int, after: Cursor | None = None) -> Page[User]:
        return _people_page(self.catalogue.requests_received(owner.id, limit + 1, after), limit)

    def requests_sent(self, owner: User, limit: int, after: Cursor | None = None) -> Page[User]:
        return _people_page(self.catalogue.requests_sent(owner.id, limit + 1, after), limit)

    # Beneath

    def _check_open(self, viewer: User, owner: User) -> None:
        """The one check behind every photo and list. Asks the catalogue only where the answer depends on it."""
        is_self = owner.id == viewer.id
        relation = self.catalogue.relation(viewer.id, owner.id) if owner.is_private and not is_self else Relation.NONE
        if not is_open(owner, relation, is_self=is_self):
            raise Forbidden(_PRIVATE)

    def _store(
        self,
        owner: User,
        photo_id: int,
        picture: Picture,
        filename: str | None,
        caption: str,
        *,
        is_profile: bool = False,
    ) -> Photo:
        """Objects first, then the row."""
        photo = self._row(owner, photo_id, picture, filename, caption, is_profile=is_profile)
        written: list[str] = []
        try:
            for file in picture.files:
                written.append(files.key(photo, file.variant))
                self.objects.put(written[-1], file.data, file.content_type)
            self.catalogue.add_photo(photo)
        except Taken:
            self._discard(written)
            return self._winner(owner, photo, picture)
        except StoreUnavailable:
            self._discard(written)
            raise
        except Unavailable:
            # The row may have been written although the answer was lost: removing the objects now could leave a row without them.
            # The sweep knows later.
            raise
        return photo

    def _row(
        self, owner: User, photo_id: int, picture: Picture, filename: str | None, caption: str, *, is_profile: bool
    ) -> Photo:
        folder = files.new_folder(photo_id, picture)
        full = picture.files[0].variant.name
        return Photo(
            id=photo_id,
            user_id=owner.id,
            created_ts=self.now_ms(),
            image_url=files.url(folder, full),
            image_filename=folder,
            image_original_filename=fields.original_filename(filename),
            image_host_fqdn=self.objects.host_fqdn,
            image_uri=f"{folder}/{full}",
            image_type=picture.type,
            main_comment=caption,
            is_profile=is_profile,
        )

    def _winner(self, owner: User, lost: Photo, picture: Picture) -> Photo:
        """The identity had been taken: by the same upload sent twice, whose photo counts; by chance by somebody else's, then under a new one."""
        other = self.catalogue.photo(lost.id)
        if other is not None and other.user_id == owner.id:
            return other
        return self._store(
            owner,
            self.new_upload_id(),
            picture,
            lost.image_original_filename,
            lost.main_comment,
            is_profile=lost.is_profile,
        )

    def _remove(self, photo_id: int, owner: User) -> None:
        """The row first: from then on nobody is shown what is about to go."""
        photo = self.catalogue.delete_photo(photo_id, owner.id)
        if photo is not None:
            self._discard([files.key(photo, variant) for variant in files.variants(photo)])

    def _discard(self, keys: Sequence[str]) -> None:
        """As far as the store allows now: what stays has no row, and the sweep removes it."""
        with contextlib.suppress(StoreUnavailable):
            for key in keys:
                self.objects.delete(key)


def _photo_page(found: Sequence[Shown], limit: int) -> Page[Shown]:
    """One more than `limit` was asked for: if it came, the list goes on."""
    items = found[:limit]
    after = Cursor(items[-1].photo.created_ts, items[-1].photo.id) if len(found) > limit else None
    return Page(items, after)


def _people_page(found: Sequence[tuple[Cursor, User]], limit: int) -> Page[User]:
    items = found[:limit]
    return Page([user for _, user in items], items[-1][0] if len(found) > limit else None)
