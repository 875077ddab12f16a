"""The supervisor's log file: what it could not do, for people. Bounded."""

from __future__ import annotations

import os

from cais.clock import rfc3339

LONGEST_BYTES = 256 * 1024


class Journal:
    """Appends lines to `path`; the older half goes when the file has grown too long."""

    def __init__(self, path: str) -> None:
        self.path = path

    def write(self, at: float, text: str) -> None:
        """Append one entry."""
        line = f"{rfc3339(at)} {text.rstrip()}\n".encode(errors="replace")
        with open(self.path, "ab") as stream:
            stream.write(line)
            length = stream.tell()
        if length > LONGEST_BYTES:
            self._shorten()

    def _shorten(self) -> None:
        """In place, because the supervisor's own standard error is appended to the same file."""
        with open(self.path, "r+b") as stream:
            stream.seek(-LONGEST_BYTES // 2, os.SEEK_END)
            kept = stream.read().partition(b"\n")[2]
            stream.seek(0)
            stream.write(kept)
            stream.truncate()
