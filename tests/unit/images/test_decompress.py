from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable

import pytest

from cais.errors import InvalidImage
from cais.images import zstd
from cais.images.decompress import decompressed
from cais.images.tarread import ByteSource

TEXT = bytes(range(256)) * 5000


def whole(stream: ByteSource, count: int = 7777) -> bytes:
    pieces = []
    while piece := stream.read(count):
        assert len(piece) <= count
        pieces.append(piece)
    return b"".join(pieces)


class Trickle(io.BytesIO):
    def read(self, count: int | None = -1) -> bytes:
        return super().read(min(count or 1, 1000))


CHECKED = {int(zstd.CompressionParameter.checksum_flag): 1}
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda data: zstd.ZstdCompressor(options=CHECKED).compress(data, zstd.ZstdCompressor.FLUSH_FRAME),
    "plain": bytes,
}


@pytest.mark.parametrize("name", PACKED)
def test_content_comes_out_and_the_source_is_read_to_its_end(name: str) -> None:
    source = Trickle(PACKED[name](TEXT))
    with decompressed(source) as content:
        assert whole(content) == TEXT
    assert source.read(1) == b""


@pytest.mark.parametrize("name", ["gzip", "bz2", "xz", "zstd"])
def test_members_in_a_row_are_one_content(name: str) -> None:
    with decompressed(io.BytesIO(PACKED[name](TEXT) + PACKED[name](b"more"))) as content:
        assert whole(content) == TEXT + b"more"


@pytest.mark.parametrize("name", ["gzip", "bz2", "xz", "zstd"])
@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_broken_data_is_an_invalid_image(name: str, damage: str) -> None:
    data = PACKED[name](TEXT)
    data = data[:-20] if damage == "cut" else data[: len(data) // 2] + b"\xff\x00\xff" + data[len(data) // 2 + 3 :]
    with pytest.raises(InvalidImage, match="is broken"), decompressed(io.BytesIO(data)) as content:
        whole(content)


def test_the_rest_is_read_for_whoever_verifies_it() -> None:
    source = io.BytesIO(gzip.compress(TEXT))
    with decompressed(source) as content:
        content.read(10)
    assert source.read() == b""


def test_a_frame_that_wants_a_huge_window_is_refused() -> None:
    # Magic number, a descriptor without single segment, and a window descriptor of exponent 31: two terabytes (RFC 8878, 3.1.1.1).
    frame = b"\x28\xb5\x2f\xfd" + b"\x00" + bytes([31 << 3]) + bytes(100)
    with pytest.raises(InvalidImage, match="zstd data is broken"), decompressed(io.BytesIO(frame)) as content:
        whole(content)
