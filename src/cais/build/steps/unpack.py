"""ADD of local archives: a tar, plain or compressed, is unpacked, as hostile input, and its content copied."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from typing import BinaryIO

import msgspec

from cais.build.place import Placement, make_folders, place
from cais.build.select import Match, Selection, select
from cais.build.session import Session
from cais.build.tree import Tree
from cais.errors import BuildError, InvalidImage
from cais.images.decompress import decompressed
from cais.images.tarread import ByteSource
from cais.images.unpack import unpack

_BLOCK = 512
_CHECKSUM = slice(148, 156)  # of a tar header, POSIX.1-1988 ustar
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")


def unpack_archives(session: Session, tree: Tree, matches: Sequence[Match], placement: Placement) -> tuple[Match, ...]:
    """Unpack the archives among `matches` into the destination, which is a folder then; the matches that are none.

    Raises BuildError for an archive that is broken, or that would write outside the destination.
    """
    return tuple(match for match in matches if not _unpack(session, tree, match, placement))


def _unpack(session: Session, tree: Tree, match: Match, placement: Placement) -> bool:
    if not stat.S_ISREG(match.entry.mode):
        return False
    with open(tree.host_path(match.entry), "rb") as stream, session.scratch() as folder:
        try:
            if not unpack_tar(stream, folder):
                return False
        except InvalidImage as error:
            raise BuildError(
                f'cannot unpack "{match.entry.path}": {error.message}', span=placement.span, hint=error.hint
            ) from error
        unpacked = Tree(folder)
        make_folders(placement.root, placement.destination, placement.owner)
        # As with Docker, --chown and --chmod are for the folder; what was packed keeps its owners and modes.
        inside = msgspec.structs.replace(
            placement, destination=placement.destination.rstrip("/") + "/", owner=None, mode="", replace=True
        )
        place(unpacked, select(unpacked, Selection(sources=(".",)), placement.span), inside)
        return True


def unpack_tar(stream: BinaryIO, folder: str) -> bool:
    """Unpack `stream` into the empty `folder` when its (decompressed) content begins with a tar header; whether it does. Raises InvalidImage."""
    head = stream.read(_BLOCK)
    stream.seek(0)
    if not head.startswith(_COMPRESSED):
        if not _is_header(head):
            return False
        unpack(stream, folder)
        return True
    found = False
    try:
        with decompressed(stream) as content:
            first = _exactly(content, _BLOCK)
            found = _is_header(first)
            if found:
                unpack(_Rejoined(first, content), folder)
    except InvalidImage:
        if found:
            raise  # else it only begins like a compressed file
    return found


class _Rejoined:
    """A stream with the bytes that were read of it to look at."""

    def __init__(self, head: bytes, rest: ByteSource) -> None:
        self._head = head
        self._rest = rest

    def read(self, count: int) -> bytes:
        if self._head:
            piece, self._head = self._head[:count], self._head[count:]
            return piece
        return self._rest.read(count)


def _exactly(content: ByteSource, count: int) -> bytes:
    data = b""
    while len(data) < count and (piece := content.read(count - len(data))):
        data += piece
    return data


def _is_header(block: bytes) -> bool:
    """Whether `block` has the checksum of a tar header."""
    if len(block) < _BLOCK or not block.strip(b"\0"):
        return False
    text = block[_CHECKSUM].strip(b" \0")
    blank = block[: _CHECKSUM.start] + b" " * 8 + block[_CHECKSUM.stop :]
    try:
        return int(text, 8) == sum(blank)
    except ValueError:
        return False
