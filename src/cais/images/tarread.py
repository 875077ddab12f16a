"""A tar stream to members: ustar, pax and GNU long names, read as hostile input. Sparse files and multi-volume archives are refused.

`tarfile` is not used: it believes the sizes of pax headers, and it takes three times as long.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

import msgspec

from cais.errors import InvalidImage, Problem, printable
from cais.images import tarwrite
from cais.images.limits import DEFAULT_LIMITS, Limits

BLOCK = tarwrite.BLOCK
_READ_BYTES = 1 << 18
_LENGTH_DIGITS = 9
_MAX_ID = (1 << 32) - 2  # the last one says "unchanged" (chown(2))
_MAX_TIME_S = 1 << 40
_MAX_SIZE = (1 << 63) - 1
_OLD_REGULAR, _CONTIGUOUS = b"\0", b"7"
_PAX, _PAX_GLOBAL, _GNU_NAME, _GNU_LINK = b"x", b"g", b"L", b"K"
_SPEAKING = (_PAX, _PAX_GLOBAL, _GNU_NAME, _GNU_LINK)
_KINDS = (
    tarwrite.REGULAR,
    tarwrite.HARD_LINK,
    tarwrite.SYMBOLIC_LINK,
    tarwrite.CHARACTER,
    tarwrite.BLOCK_DEVICE,
    tarwrite.FOLDER,
    tarwrite.FIFO,
)


class ByteSource(Protocol):
    """Anything with a `read` that gives at most `count` bytes, and b"" at the end only."""

    def read(self, count: int, /) -> bytes:
        """Some bytes."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One entry as the archive states it, not yet trusted. `kind` is one of the type flags in `tarwrite`; `mtime` in whole seconds."""

    name: bytes
    kind: bytes
    mode: int
    uid: int
    gid: int
    size: int
    mtime: int
    link: bytes
    xattrs: Mapping[str, bytes] = {}


class TarReader:
    """The members of a tar stream, in order; the content of the current one is read with `read`.

    Anything wrong raises InvalidImage. `position` is the offset in the stream, in bytes: of the current member's content when it was just
    given.
    """

    def __init__(self, stream: ByteSource, limits: Limits = DEFAULT_LIMITS) -> None:
        self._stream = stream
        self._limits = limits
        self._global: dict[bytes, bytes] = {}
        self._global_bytes = 0
        self._left = 0
        self._padding = 0
        self.position = 0

    def __iter__(self) -> Iterator[Member]:
        while (member := self._next()) is not None:
            self._left = member.size
            self._padding = -member.size % BLOCK
            yield member
            self._skip(self._left + self._padding)

    def read(self, count: int = _READ_BYTES) -> bytes:
        """At most `count` bytes of the current member's content; b"" at its end."""
        if not self._left:
            return b""
        piece = self._some(min(count, self._left))
        self._left -= len(piece)
        return piece

    def read_all(self) -> bytes:
        """All of the current member's content, which must be small."""
        if self._left > self._limits.metadata_bytes:
            raise _malformed(f"a document of {self._left} bytes is too large")
        return self._exactly(self._take())

    def _take(self) -> int:
        left, self._left = self._left, 0
        return left

    def _next(self) -> Member | None:
        extended: dict[bytes, bytes] = {}
        spoken = 0
        while True:
            block = self._block()
            if block is None:
                return None
            kind, size = block[156:157], _number(block[124:136])
            if kind in _SPEAKING:
                # Bounded together too: any number of them may come before one entry, or before none.
                spoken += size + BLOCK
                if spoken > self._limits.metadata_bytes:
                    raise _malformed(f"an entry's extended headers of {spoken} bytes are too large")
            if kind == _PAX:
                extended.update(self._records(size))
            elif kind == _PAX_GLOBAL:
                self._remember(self._records(size), size)
            elif kind == _GNU_NAME:
                extended[b"path"] = self._metadata(size).rstrip(b"\0")
            elif kind == _GNU_LINK:
                extended[b"linkpath"] = self._metadata(size).rstrip(b"\0")
            else:
                return _member(block, {**self._global, **extended})

    def _remember(self, records: Mapping[bytes, bytes], size: int) -> None:
        self._global_bytes += size
        if self._global_bytes > self._limits.metadata_bytes:
            raise _malformed("its global headers are too large")
        self._global.update(records)

    def _block(self) -> bytes | None:
        # Two blocks of zeros end an archive; a single one followed by nothing is accepted, as other readers do.
        block = self._exactly(BLOCK, at_end=True)
        if not block or not any(block):
            return None
        if len(block) < BLOCK:
            raise _malformed("it ends within a header")
        spaces = block[:148] + b" " * 8 + block[156:]
        if tarwrite.checksum(spaces) != _number(block[148:156]):
            raise _malformed("a header's checksum is wrong")
        return block

    def _records(self, size: int) -> dict[bytes, bytes]:
        body = self._metadata(size)
        records: dict[bytes, bytes] = {}
        begin = 0
        while begin < len(body):
            # "length key=value\n"; the length has few digits, so the blank is looked for nearby only.
            blank = body.find(b" ", begin, begin + _LENGTH_DIGITS + 1)
            digits = body[begin:blank] if blank > 0 else b""
            end = begin + int(digits) if digits.isdigit() else 0
            key, equals, value = body[blank + 1 : end].partition(b"=")
            if not equals or end > len(body) or not value.endswith(b"\n"):
                raise _malformed("a pax header is broken")
            records[key] = value[:-1]
            begin = end
        return records

    def _metadata(self, size: int) -> bytes:
        if size > self._limits.metadata_bytes:
            raise _malformed(f"an extended header of {size} bytes is too large")
        body = self._exactly(size)
        self._skip(-size % BLOCK)
        return body

    def _some(self, count: int) -> bytes:
        piece = self._stream.read(count)
        if not piece:
            raise _malformed("it ends before its last entry does")
        self.position += len(piece)
        return piece

    def _exactly(self, count: int, *, at_end: bool = False) -> bytes:
        pieces: list[bytes] = []
        left = count
        while left:
            piece = self._stream.read(left)
            if not piece:
                if at_end:
                    break
                raise _malformed("it ends before its last entry does")
            pieces.append(piece)
            left -= len(piece)
        self.position += count - left
        return b"".join(pieces)

    def _skip(self, count: int) -> None:
        seek = getattr(self._stream, "skip", None)
        if seek is not None and count > _READ_BYTES:
            seek(count)
            self.position += count
            return
        while count:
            count -= len(self._some(min(count, _READ_BYTES)))


def _member(block: bytes, extended: Mapping[bytes, bytes]) -> Member:
    kind = block[156:157]
    name = _text(block[0:100])
    if block[257:263] == b"ustar\0" and (prefix := _text(block[345:500])):
        name = prefix + b"/" + name
    name = extended.get(b"path", name)
    if kind in (_OLD_REGULAR, _CONTIGUOUS):
        kind = tarwrite.FOLDER if name.endswith(b"/") and kind == _OLD_REGULAR else tarwrite.REGULAR
    if kind not in _KINDS:
        raise _malformed(f"entry {_shown(name)} has the unsupported type {kind.decode('latin-1')!r}")
    if any(key.startswith(b"GNU.sparse.") for key in extended):
        raise _malformed(f"entry {_shown(name)} is a sparse file, which is not supported")
    member = Member(
        name=name,
        kind=kind,
        mode=_number(block[100:108]) & 0o7777,
        uid=_decimal(extended, b"uid", block[108:116]),
        gid=_decimal(extended, b"gid", block[116:124]),
        size=_decimal(extended, b"size", block[124:136]) if kind == tarwrite.REGULAR else 0,
        mtime=_decimal(extended, b"mtime", block[136:148]),
        link=extended.get(b"linkpath", _text(block[157:257])),
        xattrs=_xattrs(extended) if extended else {},
    )
    _check_values(member)
    return member


def _check_values(member: Member) -> None:
    """What no file system can express would be an error of the programming language, not of the kernel."""
    if b"\0" in member.name or b"\0" in member.link or any("\0" in name for name in member.xattrs):
        raise _malformed(f"the name of entry {_shown(member.name)} holds a NUL")
    if max(member.uid, member.gid) > _MAX_ID or member.mtime > _MAX_TIME_S or member.size > _MAX_SIZE:
        raise _malformed(f"entry {_shown(member.name)} has an owner, a time or a size that cannot be")


def _xattrs(extended: Mapping[bytes, bytes]) -> dict[str, bytes]:
    prefix = tarwrite.XATTR_RECORD
    return {
        key.removeprefix(prefix).decode(errors="replace"): value
        for key, value in extended.items()
        if key.startswith(prefix)
    }


def _decimal(extended: Mapping[bytes, bytes], key: bytes, field: bytes) -> int:
    text = extended.get(key)
    if text is None:
        return _number(field)
    whole = text.partition(b".")[0]
    if not whole.removeprefix(b"-").isdigit() or len(whole) > 20:
        raise _malformed(f"{key.decode()} {_shown(text)} is not a number")
    return max(0, int(whole))


def _number(field: bytes) -> int:
    # Octal text, or base 256 with the top bit set (GNU); negative times become 0.
    if field[0] & 0x80:
        return 0 if field[0] & 0x40 else int.from_bytes(bytes([field[0] & 0x3F]) + field[1:], "big")
    text = field.strip(b" \0").partition(b"\0")[0].strip(b" ")
    try:
        return int(text, 8) if text else 0
    except ValueError:
        raise _malformed(f"{_shown(field)} is not an octal number") from None


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _shown(text: bytes) -> str:
    return '"' + printable(text[:200].decode(errors="backslashreplace")) + '"'


def _malformed(why: str) -> InvalidImage:
    return InvalidImage([Problem(f"the tar archive is malformed: {why}")])
