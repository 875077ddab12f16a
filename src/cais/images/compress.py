"""A layer's tar to the bytes it travels as."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from typing import Protocol

from cais.images.model import MEDIA_LAYER, MEDIA_LAYER_GZIP, MEDIA_LAYER_ZSTD

# Level 1 of isal packs about as tightly as the standard library's level 1; level 2 is slower for half a percent.
_GZIP_LEVEL = 1
_GZIP_WBITS = 31  # with gzip's header, which holds no name and no time
_ZSTD_LEVEL = 3
# A packer is always given blocks of this size: where its input is cut shows in its output, and a layer must pack to the same bytes wherever it is read from.
_BLOCK_BYTES = 1 << 20
# isal's loop for levels 1 and 2 files the third byte of a stream under a hash of the stream's own address (ISA-L 2.31 to 2.32, igzip_icf_body_h1_gr_bt.asm,
# write_first_byte: tmp2 is not set), so one time in some thousands the same data packs to other bytes. So few bytes, flushed, never come into that loop:
# they go the way of a stream's last ones, and what follows them has a history and begins elsewhere.
_FIRST_BYTES = 16


class Compression(enum.Enum):
    """How a layer is packed."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"

    @property
    def media_type(self) -> str:
        """The layer's media type (OCI image specification, layer.md)."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES = {
    Compression.NONE: MEDIA_LAYER,
    Compression.GZIP: MEDIA_LAYER_GZIP,
    Compression.ZSTD: MEDIA_LAYER_ZSTD,
}


class _Packer(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


def recipe(compression: Compression) -> str:
    """What makes the same bytes again of the same tar: the library, its version, the level and the size of the blocks."""
    if compression is Compression.GZIP:
        from isal import __version__

        return f"gzip isal-{__version__} {_GZIP_LEVEL} {_FIRST_BYTES}+{_BLOCK_BYTES}"
    if compression is Compression.ZSTD:
        from cais.images import zstd

        return f"zstd {zstd.zstd_version} {_ZSTD_LEVEL} {_BLOCK_BYTES}"
    return "none"


def compressed(pieces: Iterable[bytes], compression: Compression) -> Iterator[bytes]:
    """`pieces`, packed; however they are cut, the same bytes come of them."""
    if compression is Compression.NONE:
        yield from pieces
        return
    packer = _packer(compression)
    for block in _blocks(pieces):
        if packed := packer.compress(block):
            yield packed
    yield packer.flush()


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks of one size; the last may be smaller."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= _BLOCK_BYTES:
            yield bytes(held[:_BLOCK_BYTES])
            del held[:_BLOCK_BYTES]
    if held:
        yield bytes(held)


class _Gzip:
    """A gzip stream (RFC 1952) that depends on nothing but its data."""

    def __init__(self) -> None:
        from isal import isal_zlib

        self._stream = isal_zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP_WBITS)
        self._flush_mode = isal_zlib.Z_SYNC_FLUSH
        self._has_begun = False

    def compress(self, data: bytes, /) -> bytes:
        if self._has_begun:
            return self._stream.compress(data)
        self._has_begun = True
        begin = self._stream.compress(data[:_FIRST_BYTES]) + self._stream.flush(self._flush_mode)
        return begin + self._stream.compress(data[_FIRST_BYTES:])

    def flush(self) -> bytes:
        return self._stream.flush()


def _packer(compression: Compression) -> _Packer:
    if compression is Compression.GZIP:
        return _Gzip()
    from cais.images import zstd

    # The frame says how its content must hash, so that damage is found without a manifest.
    options = {
        int(zstd.CompressionParameter.compression_level): _ZSTD_LEVEL,
        int(zstd.CompressionParameter.checksum_flag): 1,
    }
    return zstd.ZstdCompressor(options=options)
