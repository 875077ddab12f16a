from __future__ import annotations

import contextlib
import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cais.errors import InvalidImage
from cais.images import tarwrite
from cais.images.limits import Limits
from cais.images.tarread import TarReader

NAMES = st.binary(min_size=1, max_size=300).filter(lambda name: b"\0" not in name)


def read(data: bytes, limits: Limits | None = None) -> list[tuple[bytes, bytes, int, bytes]]:
    reader = TarReader(io.BytesIO(data), limits or Limits())
    found = []
    for member in reader:
        pieces = []
        while piece := reader.read():
            pieces.append(piece)
        found.append((member.name, member.kind, member.mtime, b"".join(pieces)))
    return found


@given(
    name=NAMES,
    link=NAMES,
    size=st.integers(0, 1 << 40),
    uid=st.integers(0, (1 << 32) - 2),
    mtime=st.integers(0, 1 << 33),
    mode=st.integers(0, 0o7777),
    xattrs=st.dictionaries(st.sampled_from(["security.capability", "user.a", "user.b"]), st.binary(max_size=200)),
)
def test_headers_are_read_back(
    name: bytes, link: bytes, size: int, uid: int, mtime: int, mode: int, xattrs: dict[str, bytes]
) -> None:
    data = tarwrite.header(
        name, tarwrite.REGULAR, mode=mode, uid=uid, gid=uid, size=size, mtime=mtime, link=link, xattrs=xattrs
    )
    assert len(data) % tarwrite.BLOCK == 0
    member = next(iter(TarReader(io.BytesIO(data))))
    assert (member.name, member.link, member.size) == (name, link, size)
    assert (member.uid, member.gid, member.mtime, member.mode) == (uid, uid, mtime, mode)
    assert member.xattrs == xattrs


@given(name=st.text(min_size=1, max_size=200).filter(lambda name: "\0" not in name and name.isprintable()))
def test_tarfile_reads_what_we_write(name: str) -> None:
    data = (
        tarwrite.header(name.encode(), tarwrite.REGULAR, size=3, mtime=7) + b"abc" + tarwrite.padding(3) + tarwrite.END
    )
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        (member,) = archive.getmembers()
        assert (member.name.rstrip("/"), member.size, member.mtime) == (name.rstrip("/"), 3, 7)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_we_read_what_tarfile_writes(form: int) -> None:
    buffer = io.BytesIO()
    names = ["short", "long/" * 25 + "name", "d/" + "x" * 90]
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for number, name in enumerate(names):
            member = tarfile.TarInfo(name)
            member.size, member.mtime = number * 1000, 1_600_000_000
            archive.addfile(member, io.BytesIO(b"z" * member.size))
    expected = [(name.encode(), b"0", 1_600_000_000, b"z" * number * 1000) for number, name in enumerate(names)]
    assert read(buffer.getvalue()) == expected


def patched(data: bytes, offset: int, field: bytes) -> bytes:
    data = data[:offset] + field + data[offset + len(field) :]
    head = data[:148] + b" " * 8 + data[156:512]
    return data[:148] + b"%06o\0 " % sum(head) + data[156:]


HEADER = tarwrite.header(b"name", tarwrite.REGULAR, size=10) + b"0123456789" + tarwrite.padding(10)


def pax(kind: bytes = b"x", **records: bytes) -> bytes:
    body = b"".join(tarwrite._record(key.encode(), value) for key, value in records.items())
    return tarwrite.header(b"p", kind, size=len(body)) + body + tarwrite.padding(len(body))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (pax(path=b"a\0b") + HEADER, "holds a NUL"),
        (pax(linkpath=b"a\0b") + HEADER, "holds a NUL"),
        (pax(uid=b"4294967295") + HEADER, "cannot be"),
        (pax(mtime=b"99999999999999") + HEADER, "cannot be"),
        (pax(size=b"99999999999999999999") + HEADER, "cannot be"),
        (pax(path=b"x" * 70_000) * 64 + HEADER, "extended headers"),
        (pax(b"g", a=b"x" * 70_000) * 64 + HEADER, "headers"),
        ((pax(b"g", a=b"x" * 70_000) + HEADER) * 64, "global headers"),
        (pax(path=b"\x1b[2J") + patched(HEADER, 156, b"S"), r"unsupported type"),
    ],
)
def test_what_cannot_be_or_does_not_end_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InvalidImage, match=message) as caught:
        read(data)
    assert "\x1b" not in caught.value.message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (HEADER[:300], "ends within a header"),
        (HEADER[:515], "ends before"),
        (HEADER[:10] + b"x" + HEADER[11:], "checksum"),
        (patched(HEADER, 124, b"99999999999\0"), "octal"),
        (patched(HEADER, 156, b"S"), "unsupported type"),
        (patched(HEADER, 156, b"x"), "pax header is broken"),
        (patched(patched(HEADER, 156, b"x"), 124, b"77777777777\0"), "too large"),
        (patched(patched(HEADER, 156, b"L"), 124, b"77777777777\0"), "too large"),
    ],
)
def test_malformed_archives_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(InvalidImage, match=message):
        read(data)


@given(st.binary(max_size=2000), st.integers(0, 511))
def test_no_input_brings_anything_but_invalid_image(noise: bytes, at: int) -> None:
    data = HEADER * 2
    with contextlib.suppress(InvalidImage):
        read(patched(data[:at] + noise + data[at + len(noise) :], 0, b"n"))


def test_records_of_an_extended_header() -> None:
    body = b"".join(tarwrite._record(b"path", b"x" * length) for length in (1, 88, 89, 90, 986, 987, 988))
    data = patched(tarwrite.header(b"p", b"x", size=len(body)), 0, b"p") + body + tarwrite.padding(len(body)) + HEADER
    assert read(data)[0][0] == b"x" * 988
