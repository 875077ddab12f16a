"""How `compose` gets at files: a reader handed in, so that loading is pure and tested without a disk."""

from __future__ import annotations

from typing import Protocol


class FileReader(Protocol):
    """Reads text files by absolute path."""

    def read(self, path: str) -> str:
        """The file's text (UTF-8, a byte order mark dropped). Raises FileNotFoundError, IsADirectoryError, PermissionError or UnicodeDecodeError."""

    def exists(self, path: str) -> bool:
        """Whether a file is there."""


def utf8(value: str) -> str:
    """A variable may hold any bytes; what is not UTF-8 cannot stand in a model, and is marked."""
    return value if value.isascii() else value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
