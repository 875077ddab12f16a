"""Decompressed content under suspicion: how much it may be is watched while it comes, whoever reads it."""

from __future__ import annotations

from collections.abc import Callable

from cais.durable import free_bytes
from cais.errors import InvalidImage, NoSpace, Problem
from cais.images.limits import Limits
from cais.images.tarread import ByteSource

_LOOK_BYTES = 64 << 20  # the disk is looked at this often


class Counting:
    """A source that counts the bytes it has given so far (and `seen` before), and tells somebody."""

    def __init__(self, stream: ByteSource, on_bytes: Callable[[int], None] | None = None, *, seen: int = 0) -> None:
        self._stream = stream
        self._on_bytes = on_bytes
        self.seen = seen

    def read(self, count: int) -> bytes:
        """At most `count` bytes; b"" at the end."""
        piece = self._stream.read(count)
        self.seen += len(piece)
        if self._on_bytes is not None and piece:
            self._on_bytes(self.seen)
        return piece


class Bounded:
    """What is decompressed out of `packed` onto the disk of `folder`.

    Raises InvalidImage for content that is larger than the limits or too much larger than what it was packed in, NoSpace before the disk is full.
    """

    def __init__(self, content: ByteSource, packed: Counting, folder: str, limits: Limits) -> None:
        self._content = content
        self._packed = packed
        self._folder = folder
        self._limits = limits
        self._seen = 0
        self._next_look = _LOOK_BYTES

    def read(self, count: int) -> bytes:
        """At most `count` bytes; b"" at the end."""
        piece = self._content.read(count)
        self._seen += len(piece)
        if self._seen > self._limits.content_bytes:
            raise InvalidImage([Problem(f"it unpacks to more than {self._limits.content_bytes} bytes")])
        if self._seen > self._limits.expansion_floor_bytes:
            self._check_expansion()
        if self._seen >= self._next_look:
            self._check_disk()
            self._next_look = self._seen + _LOOK_BYTES
        return piece

    def _check_expansion(self) -> None:
        if self._seen > self._packed.seen * self._limits.expansion:
            raise InvalidImage(
                [Problem(f"it unpacks to more than {self._limits.expansion} times its size: a decompression bomb")]
            )

    def _check_disk(self) -> None:
        if free_bytes(self._folder) < self._limits.reserve_bytes:
            raise NoSpace(
                f"no space left: less than {self._limits.reserve_bytes >> 20} MiB are free while it is unpacked",
                hint="free some: cais image prune",
            )
