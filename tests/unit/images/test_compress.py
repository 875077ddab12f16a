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


def difference(one: bytes, other: bytes) -> str | None:
    """Where two of many bytes part (`==` alone would have pytest compare them for longer than it may run)."""
    if one == other:
        return None
    at = next((at for at, (mine, its) in enumerate(zip(one, other, strict=False)) if mine != its), None)
    return f"{len(one)} and {len(other)} bytes, the first other one at {at}"


@pytest.mark.parametrize("compression", Compression)
def test_the_same_bytes_come_of_it_however_it_is_cut(compression: Compression) -> None:
    """A layer is read from its folder or from a kept tar, in pieces of many sizes; its packed digest is remembered."""
    whole = b"".join(compressed([DATA], compression))
    sizes = (1000, 1 << 18, 1 << 20, 999_999, 3_000_000)
    others = {f"in pieces of {size}": cut(size) for size in sizes} | {"with nothing around": [b"", *cut(1 << 20), b""]}
    for how, pieces in others.items():
        assert difference(b"".join(compressed(pieces, compression)), whole) is None, how


def test_it_unpacks_to_what_it_was() -> None:
    assert gzip.decompress(b"".join(compressed(cut(70_000), Compression.GZIP))) == DATA
    assert gzip.decompress(b"".join(compressed([], Compression.GZIP))) == b""
