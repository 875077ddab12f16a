"""Which objects belong to a photo, told from its row alone. Pure.

A photo's folder in the bucket is `<photo id>-<width>x<height>-<random>`: the measures of its full size, so that a page can reserve its place before
it is loaded, and something new for each attempt, so that what a failed attempt removes is never another's.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from fotogal import imaging
from fotogal.imaging import Picture, Variant
from fotogal.model import ImageType, Photo, User

_FOLDER = re.compile(r"([1-9][0-9]{0,18})-([1-9][0-9]{0,4})x([1-9][0-9]{0,4})-[0-9a-f]{16}", re.ASCII)
_URL = "/imagens/"


@dataclass(frozen=True, slots=True)
class Folder:
    """What a folder's name tells."""

    photo_id: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ProfilePhoto:
    """A profile photo as a user's row tells of it: its addresses, and its side in pixels."""

    photo_id: int
    small_url: str
    full_url: str
    side: int


def new_folder(photo_id: int, picture: Picture) -> str:
    return f"{photo_id}-{picture.width}x{picture.height}-{secrets.token_hex(8)}"


def read_folder(name: str) -> Folder | None:
    """None for what `new_folder` does not make."""
    found = _FOLDER.fullmatch(name)
    return Folder(*(int(part) for part in found.groups())) if found else None


def variants(photo: Photo) -> tuple[Variant, ...]:
    """The sizes the photo is kept in, largest first."""
    folder = read_folder(photo.image_filename)
    if folder is None:
        return ()
    sizes = imaging.PROFILE_SIZES if photo.is_profile else imaging.PHOTO_SIZES
    return imaging.variants(photo.image_type, folder.width, folder.height, sizes)


def key(photo: Photo, variant: Variant) -> str:
    return f"{photo.image_filename}/{variant.name}"


def url(folder: str, name: str) -> str:
    """Where the application serves a photo's size, after asking who wants it."""
    return f"{_URL}{folder}/{name}"


def profile_photo(user: User) -> ProfilePhoto | None:
    """From `profile_image_url` alone, so that a list of people takes no question for each; None for who has no photo."""
    folder, _, name = user.profile_image_url.removeprefix(_URL).partition("/")
    parts = read_folder(folder)
    if parts is None:
        return None
    small = imaging.variants(ImageType(name.rpartition(".")[2]), parts.width, parts.height, imaging.PROFILE_SIZES)[-1]
    return ProfilePhoto(parts.photo_id, url(folder, small.name), user.profile_image_url, parts.width)
