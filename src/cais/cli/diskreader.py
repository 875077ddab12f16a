"""The files of the disk, as the `compose` package gets at them."""

from __future__ import annotations

import os


class DiskReader:
    """`compose.reader.FileReader` on the file system."""

    def read(self, path: str) -> str:
        """The file's text."""
        with open(path, "rb") as stream:
            return stream.read().decode("utf-8-sig")

    def exists(self, path: str) -> bool:
        """Whether a file is there."""
        return os.path.exists(path)
