"""Where an image is copied from and to, as words: `docker://NAME`, `store:NAME`, `oci:FOLDER[:NAME]`, `archive:FILE[:NAME]` (as skopeo writes them)."""

from __future__ import annotations

import enum

import msgspec

from cais.errors import UsageError
from cais.images.reference import Reference, parse_reference


class Kind(enum.Enum):
    """What a place is."""

    REGISTRY = "docker://"
    STORE = "store:"
    FOLDER = "oci:"
    ARCHIVE = "archive:"


# Skopeo's two kinds of archive are one: what is read is told apart, what is written is both.
_SPELLINGS = {
    **{kind.value: kind for kind in Kind},
    "oci-archive:": Kind.ARCHIVE,
    "docker-archive:": Kind.ARCHIVE,
}
_HINT = "write docker://NAME, store:NAME, oci:FOLDER[:NAME] or archive:FILE[:NAME]"


class Place(msgspec.Struct, frozen=True):
    """A place. `path` is that of a folder or an archive; `name` the image's name there, "" for the only one or none."""

    kind: Kind
    path: str
    name: str

    @property
    def reference(self) -> Reference | None:
        """The image's whole name, where it has one."""
        if self.kind in {Kind.REGISTRY, Kind.STORE}:
            return parse_reference(self.name)
        return None


def parse_place(text: str) -> Place:
    """Raises UsageError for what is none."""
    for spelling, kind in _SPELLINGS.items():
        if text.startswith(spelling):
            return _place(kind, text.removeprefix(spelling), text)
    raise UsageError(f'"{text}" does not say what kind of place it is', hint=_HINT)


def _place(kind: Kind, rest: str, text: str) -> Place:
    if not rest:
        raise UsageError(f'"{text}" names nothing', hint=_HINT)
    if kind in {Kind.REGISTRY, Kind.STORE}:
        return Place(kind, "", rest)
    path, _, name = rest.partition(":")
    if not path:
        raise UsageError(f'"{text}" names no file', hint=_HINT)
    return Place(kind, path, name)
