from __future__ import annotations

import bz2
import io
import os
from pathlib import Path

import pytest

from cais.errors import InvalidImage, NoSpace
from cais.images.bounded import Bounded, Counting
from cais.images.decompress import decompressed
from cais.images.limits import DEFAULT_LIMITS, Limits

MEGABYTE = 1 << 20
SMALL = Limits(content_bytes=64 * MEGABYTE, expansion_floor_bytes=MEGABYTE)


def whole(data: bytes, folder: Path, limits: Limits) -> int:
    packed = Counting(io.BytesIO(data))
    with decompressed(packed) as content:
        bounded = Bounded(content, packed, str(folder), limits)
        return sum(map(len, iter(lambda: bounded.read(MEGABYTE), b"")))


def test_a_bomb_ends_early(tmp_path: Path) -> None:
    with pytest.raises(InvalidImage, match="decompression bomb"):
        whole(bz2.compress(bytes(32 * MEGABYTE)), tmp_path, SMALL)


def test_what_is_large_because_it_is_much_may_be(tmp_path: Path) -> None:
    data = os.urandom(2 * MEGABYTE)
    assert whole(bz2.compress(data, 1), tmp_path, SMALL) == len(data)


def test_content_has_a_limit(tmp_path: Path) -> None:
    with pytest.raises(InvalidImage, match="more than 67108864 bytes"):
        whole(bytes(65 * MEGABYTE), tmp_path, SMALL)


def test_the_disk_is_not_filled_to_the_brim(tmp_path: Path) -> None:
    limits = Limits(reserve_bytes=1 << 62)
    assert whole(bytes(MEGABYTE), tmp_path, limits) == MEGABYTE
    with pytest.raises(NoSpace, match="are free while it is unpacked"):
        whole(bytes(65 * MEGABYTE), tmp_path, limits)


def test_gzip_alone_never_expands_so_far() -> None:
    assert DEFAULT_LIMITS.expansion > 1032
