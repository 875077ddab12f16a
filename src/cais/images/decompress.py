"""A possibly compressed stream to its content: gzip, zstd, xz, bzip2 or none, told apart by the first bytes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Protocol

from cais.errors import InvalidImage, Problem
from cais.images.limits import DEFAULT_LIMITS
from cais.images.tarread import ByteSource

_READ_BYTES = 1 << 18
_MAGIC_BYTES = 6


@contextlib.contextmanager
def decompressed(stream: ByteSource) -> Iterator[ByteSource]:
    """What is in `stream`. When the block ends well, the rest of `stream` is read, so that whoever verifies it sees its end.

    Raises InvalidImage for broken data.
    """
    begun = _Begun(stream)
    content = _reader(begun.peek(_MAGIC_BYTES), begun)
    yield content
    drain(content)
    drain(begun)


def drain(stream: ByteSource) -> None:
    """Read `stream` to its end."""
    while stream.read(_READ_BYTES):
        pass


class _Begun:
    """A stream whose first bytes have been looked at."""

    def __init__(self, stream: ByteSource) -> None:
        self._stream = stream
        self._head = b""

    def peek(self, count: int) -> bytes:
        while len(self._head) < count and (piece := self._stream.read(count - len(self._head))):
            self._head += piece
        return self._head

    def read(self, count: int) -> bytes:
        if self._head:
            head, self._head = self._head[:count], self._head[count:]
            return head
        return self._stream.read(count)


def _reader(magic: bytes, stream: ByteSource) -> ByteSource:
    if magic.startswith(b"\x1f\x8b"):
        from isal import igzip_lib

        failure: type[Exception] = igzip_lib.IsalError  # type: ignore[assignment]  # its stub takes it for an instance
        return _Decompressor(stream, lambda: igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP), failure, "gzip")
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        return _zstd(stream)
    if magic.startswith(b"\xfd7zXZ"):
        import lzma

        return _Decompressor(
            stream, lambda: lzma.LZMADecompressor(memlimit=DEFAULT_LIMITS.window_bytes), lzma.LZMAError, "xz"
        )
    if magic.startswith(b"BZh"):
        import bz2

        return _Decompressor(stream, bz2.BZ2Decompressor, OSError, "bzip2")
    return stream


def _zstd(stream: ByteSource) -> ByteSource:
    from cais.images import zstd

    # A frame may ask for a window of terabytes; RFC 8878, section 3.1.1.1.2, lets a decoder refuse what it finds too large.
    window = {int(zstd.DecompressionParameter.window_log_max): DEFAULT_LIMITS.window_bytes.bit_length() - 1}
    return _Decompressor(stream, lambda: zstd.ZstdDecompressor(options=window), zstd.ZstdError, "zstd")


class _Incremental(Protocol):
    """What the decompressors of the standard library share (bz2, lzma, from 3.14 on zstd), and isal's."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Decompressor:
    """Any number of members or frames in a row; what one call gives is bounded, whatever the ratio."""

    def __init__(
        self, stream: ByteSource, make: Callable[[], _Incremental], failure: type[Exception], name: str
    ) -> None:
        self._stream = stream
        self._make = make
        self._failure = failure
        self._name = name
        self._inner = make()

    def read(self, count: int) -> bytes:
        try:
            return self._read(count)
        except (self._failure, EOFError) as error:
            raise InvalidImage([Problem(f"the {self._name} data is broken: {error}")]) from error

    def _read(self, count: int) -> bytes:
        data = b""
        while True:
            if self._inner.eof:
                data = self._inner.unused_data or self._stream.read(_READ_BYTES)
                if not data:
                    return b""
                self._inner = self._make()
            elif self._inner.needs_input:
                data = self._stream.read(_READ_BYTES)
                if not data:
                    raise EOFError("it ends early")
            piece: bytes = self._inner.decompress(data, count)
            if piece:
                return piece
            data = b""
