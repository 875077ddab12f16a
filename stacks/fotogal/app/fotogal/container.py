"""What kind of file some bytes are, and whether a second file hides in them. Looks at the container formats only; pixels are `imaging`'s.

A polyglot is one file that two programs read as two things: a GIF that is also a ZIP, a JPEG with a page of HTML behind it. Encoding anew would
remove the second one; it is refused all the same, because nobody sends such a file by accident.
Formats: PNG (ISO 15948), JPEG (ITU-T T.81, annex B), GIF89a.
"""

from __future__ import annotations

import enum
import itertools
import re
import struct
from collections.abc import Iterator

from fotogal.model import ImageType

_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", ImageType.PNG),
    (b"\xff\xd8\xff", ImageType.JPEG),
    (b"GIF87a", ImageType.GIF),
    (b"GIF89a", ImageType.GIF),
)
# Where PDF and HTML readers still look for a beginning.
_HEAD = 1024
_IN_HEAD = (b"%pdf-", b"<!doctype", b"<html", b"<script", b"<?php")
# Behind a JPEG cameras put things of their own (a second picture, a short film): only what is clearly another kind of file is refused there.
_BEHIND = (*_IN_HEAD, b"pk\x03\x04", b"pk\x05\x06", b"rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c", b"\x7felf", b"#!/")
_PADDING = b"\x00\n\r \t"
# Of a JPEG: what is no marker are stuffing, fill bytes and restarts within a scan.
_MARKER = re.compile(rb"\xff[\x02-\xcf\xd9-\xfe]")
_EOI, _SOS = 0xD9, 0xDA
# A progressive JPEG has about ten scans. Each is a pass over all pixels, also one of a few bytes. Cameras write some dozen segments.
MAX_SCANS = 64
MAX_SEGMENTS = 4000


class Finding(enum.Enum):
    ONE_IMAGE = enum.auto()
    HIDES_SOMETHING = enum.auto()
    CUT_OFF = enum.auto()
    TOO_MANY_PARTS = enum.auto()


def image_type(data: bytes) -> ImageType | None:
    """The type that the first bytes tell; a file's name and what the browser says of it mean nothing."""
    return next((found for beginning, found in _BEGINNINGS if data.startswith(beginning)), None)


def look(data: bytes, kind: ImageType) -> Finding:
    """Whether `data` is one whole image and nothing else."""
    if any(sign in data[:_HEAD].lower() for sign in _IN_HEAD):
        return Finding.HIDES_SOMETHING
    if kind is ImageType.JPEG:
        return _look_at_jpeg(data)
    end = _png_end(data) if kind is ImageType.PNG else _gif_end(data)
    if end is None:
        return Finding.CUT_OFF
    return Finding.HIDES_SOMETHING if data[end:].strip(_PADDING) else Finding.ONE_IMAGE


def _png_end(data: bytes) -> int | None:
    """Behind the IEND chunk."""
    at = 8
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        at += 12 + length
        if name == b"IEND":
            return at if at <= len(data) else None
    return None


def _look_at_jpeg(data: bytes) -> Finding:
    """One that has no end is left to the decoder, which knows better whether pixels are missing."""
    markers = list(itertools.islice(_jpeg_markers(data), MAX_SEGMENTS + 1))
    if len(markers) > MAX_SEGMENTS or sum(marker == _SOS for marker, _ in markers) > MAX_SCANS:
        return Finding.TOO_MANY_PARTS
    last, at = markers[-1] if markers else (None, 0)
    behind = data[at + 2 :].strip(_PADDING).lower() if last == _EOI else b""
    return Finding.HIDES_SOMETHING if any(sign in behind for sign in _BEHIND) else Finding.ONE_IMAGE


def _jpeg_markers(data: bytes) -> Iterator[tuple[int, int]]:
    """Each marker up to EOI, and its place: segments are skipped by their length, the entropy-coded bytes after an SOS by looking for the next marker."""
    at = 2
    while found := _MARKER.search(data, at):
        at = found.start()
        yield data[at + 1], at
        if data[at + 1] == _EOI or at + 4 > len(data):
            return
        at += 2 + int(struct.unpack_from(">H", data, at + 2)[0])


def _gif_end(data: bytes) -> int | None:
    """Behind the trailer: blocks are skipped by the lengths of their sub-blocks."""
    if len(data) < 13:
        return None
    at = 13 + _colour_table(data[10])
    while at < len(data):
        introducer = data[at]
        if introducer == 0x3B:
            return at + 1
        if introducer == 0x21:
            at += 2
        elif introducer == 0x2C and at + 9 < len(data):
            at += 10 + _colour_table(data[at + 9]) + 1
        else:
            return None
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
    return None


def _colour_table(flags: int) -> int:
    """The bytes of the colour table that `flags` announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
