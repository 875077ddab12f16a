"""What a layer's tar is packed to."""

import gzip
import random
from collections.abc import Sequence

import pytest

from cais.images.compress import Compression, compressed

WORDS = (b"hello world ", b"some other text ", b"\0" * 512, bytes(range(256)))
DATA = b"".join(random.Random(1).choices(WORDS, k=30_000))


def cut(size: int) -> Sequence[bytes]:
    return [DATA[at : at + size] for at in range(0, len(DATA), size)]


@pytest.mark.parametrize("compression", Compression)
def test_the_same_bytes_come_of_it_however_it_is_cut(compression: Compression) -> None:
    """A layer is read from its folder or from a kept tar, in pieces of many sizes; its packed digest is remembered."""
    whole = b"".join(compressed([DATA], compression))
    for size in (1000, 1 << 18, 1 << 20, 999_999, 3_000_000):
        assert b"".join(compressed(cut(size), compression)) == whole
    assert b"".join(compressed([b"", *cut(1 << 20), b""], compression)) == whole


def test_it_unpacks_to_what_it_was() -> None:
    assert gzip.decompress(b"".join(compressed(cut(70_000), Compression.GZIP))) == DATA
    assert gzip.decompress(b"".join(compressed([], Compression.GZIP))) == b""
