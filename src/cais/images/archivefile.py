"""A tar file whose members are read in any order: an index of offsets, made in one pass over the headers."""

from __future__ import annotations

import contextlib
import os
import posixpath
from collections.abc import Callable, Iterator
from typing import BinaryIO

import msgspec

from cais.digest import Digest, VerifiedReader
from cais.errors import InvalidImage, NotFoundError, Problem
from cais.images import tarwrite
from cais.images.bounded import Bounded, Counting
from cais.images.decompress import decompressed
from cais.images.limits import DEFAULT_LIMITS
from cais.images.tarread import BLOCK, TarReader

_COPY_BYTES = 1 << 20
_MAX_LINKS = 8


class _Place(msgspec.Struct, frozen=True):
    offset: int
    size: int


class ArchiveFile:
    """The members of a tar file by name. `docker save` of old gives layers it has twice as symbolic links; these are followed."""

    def __init__(self, stream: BinaryIO, on_bytes: Callable[[int], None] | None) -> None:
        self._stream = stream
        self._on_bytes = on_bytes
        self._given = 0
        self._places: dict[str, _Place] = {}
        self._links: dict[str, str] = {}
        reader = TarReader(_Seekable(stream))
        for member in reader:
            name = _normal(member.name)
            if member.kind == tarwrite.REGULAR:
                self._places[name] = _Place(reader.position, member.size)
            elif member.kind == tarwrite.SYMBOLIC_LINK:
                self._links[name] = posixpath.join(posixpath.dirname(name), member.link.decode(errors="replace"))
            elif member.kind == tarwrite.HARD_LINK:
                self._links[name] = _normal(member.link)
            if len(self._places) + len(self._links) > DEFAULT_LIMITS.archive_files:
                raise InvalidImage([Problem("the archive has too many entries")])

    def has(self, name: str) -> bool:
        """Whether there is a file of this name."""
        return self._place(name) is not None

    def read(self, name: str, *, digest: Digest | None = None) -> bytes:
        """A small document, verified if its digest is given. Raises InvalidImage."""
        with self.open(name) as source:
            if source.left > DEFAULT_LIMITS.metadata_bytes:
                raise InvalidImage(
                    [Problem(f'"{name}" in the archive is too large for a document: {source.left} bytes')]
                )
            reader = VerifiedReader(source, digest, None) if digest else source  # type: ignore[arg-type]  # it only reads
            pieces = []
            while piece := reader.read(_COPY_BYTES):
                pieces.append(piece)
        return b"".join(pieces)

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[Source]:
        """A member's content; one at a time. Raises InvalidImage."""
        place = self._place(name)
        if place is None:
            raise InvalidImage([Problem(f'the archive speaks of "{name[:200]}" but does not contain it')])
        self._stream.seek(place.offset)
        source = ArchiveFile.Source(self._stream, place.size)
        yield source
        self._given += place.size - source.left
        if self._on_bytes is not None:
            self._on_bytes(self._given)

    class Source:
        """The content of one member."""

        def __init__(self, stream: BinaryIO, size: int) -> None:
            self._stream = stream
            self.left = size

        def read(self, count: int = _COPY_BYTES) -> bytes:
            """At most `count` bytes; b"" at the end."""
            piece = self._stream.read(min(count, self.left))
            self.left -= len(piece)
            return piece

    def _place(self, name: str) -> _Place | None:
        name = posixpath.normpath(name)
        for _ in range(_MAX_LINKS):
            if name not in self._links:
                return self._places.get(name)
            name = posixpath.normpath(self._links[name])
        return None


@contextlib.contextmanager
def open_archive(path: str, scratch: str, on_bytes: Callable[[int], None] | None) -> Iterator[ArchiveFile]:
    """The archive at `path`; one that is compressed or not seekable is unpacked into `scratch` first."""
    if not os.path.exists(path):
        raise NotFoundError(f'"{path}" does not exist')
    with contextlib.ExitStack() as stack:
        stream: BinaryIO = stack.enter_context(open(path, "rb"))
        if not stream.seekable() or not _is_tar(stream):
            copy = stack.enter_context(open(os.path.join(scratch, "archive"), "w+b"))
            _decompress(stream, copy, scratch)
            stream = copy
        yield ArchiveFile(stream, on_bytes)


def _decompress(stream: BinaryIO, copy: BinaryIO, scratch: str) -> None:
    packed = Counting(stream)
    with decompressed(packed) as content:
        bounded = Bounded(content, packed, scratch, DEFAULT_LIMITS)
        while piece := bounded.read(_COPY_BYTES):
            copy.write(piece)
    copy.seek(0)


def _is_tar(stream: BinaryIO) -> bool:
    head = stream.read(BLOCK)
    stream.seek(0)
    return head[257:262] == b"ustar"


def _normal(name: bytes) -> str:
    return posixpath.normpath(name.decode(errors="replace").lstrip("/"))


class _Seekable:
    """A file whose long contents are skipped by seeking."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, count: int) -> bytes:
        return self._stream.read(count)

    def skip(self, count: int) -> None:
        self._stream.seek(count, 1)
