"""What a container printed, from the log that conmon writes in Kubernetes' format: time, stream, F or P, text."""

from __future__ import annotations

import calendar
import os
from collections.abc import Callable, Iterator
from typing import BinaryIO

from cais.engine.protocol import LogLine

BLOCK_BYTES = 1 << 16


def read(path: str, *, tail: int | None, since: float | None, until: float | None) -> Iterator[LogLine]:
    """The lines of the log so far, oldest first; a partial line is one entry. No error when there is no log yet."""
    try:
        stream = open(path, "rb")  # noqa: SIM115 - closed below; a missing log is none
    except FileNotFoundError:
        return
    with stream:
        if tail is not None:
            stream.seek(_tail_offset(stream, tail))
        for raw in stream:
            line = parse(raw)
            if line is None or (since is not None and line.at < since):
                continue
            if until is not None and line.at > until:
                return
            yield line


def follow(path: str, *, tail: int | None, since: float | None, ended: Callable[[], bool]) -> Iterator[LogLine | None]:
    """Like `read`, then what comes; None when there is nothing new. Ends when `ended` says so and all is read.

    A log that conmon began anew (its size limit) is followed from its beginning.
    """
    stream: BinaryIO | None = None
    waiting = b""
    try:
        while True:
            over = ended()
            stream = _current(stream, path, tail)
            tail = None
            chunk = stream.read(BLOCK_BYTES) if stream is not None else b""
            *complete, waiting = (waiting + chunk).split(b"\n")
            for raw in complete:
                line = parse(raw)
                if line is not None and (since is None or line.at >= since):
                    yield line
            if not chunk:
                if over:
                    return
                yield None
    finally:
        if stream is not None:
            stream.close()


def parse(raw: bytes) -> LogLine | None:
    """One line of the log; None for one that was cut short."""
    parts = raw.rstrip(b"\n").split(b" ", 3)
    if len(parts) < 4:
        return None
    at = parse_time(parts[0].decode("ascii", errors="replace"))
    if at is None:
        return None
    return LogLine(at, parts[1].decode(), parts[3].decode(errors="replace"), partial=parts[2] == b"P")


def parse_time(text: str) -> float | None:
    """RFC 3339 with any fraction and offset, in seconds since the epoch; None when it is not that."""
    # datetime takes six digits of a fraction at most, and conmon writes nine.
    try:
        seconds = calendar.timegm(
            (*map(int, (text[0:4], text[5:7], text[8:10], text[11:13], text[14:16], text[17:19])),)
        )
        rest = text[19:]
        fraction = ""
        if rest.startswith("."):
            fraction = rest[1:].rstrip("Z")
            for sign in "+-":
                fraction = fraction.partition(sign)[0]
            rest = rest[1 + len(fraction) :]
        offset = 0
        if rest not in ("", "Z"):
            offset = (int(rest[1:3]) * 3600 + int(rest[4:6]) * 60) * (-1 if rest[0] == "-" else 1)
        return seconds - offset + (float(f"0.{fraction}") if fraction else 0.0)
    except (ValueError, IndexError):
        return None


def _tail_offset(stream: BinaryIO, count: int) -> int:
    """Where the last `count` whole lines begin, read from the end. Pieces of one long line count as one line."""
    position = stream.seek(0, os.SEEK_END)
    if count <= 0:
        return position
    data = b""
    while position > 0:
        step = min(BLOCK_BYTES, position)
        position -= step
        stream.seek(position)
        data = stream.read(step) + data
        last = _line_starts(data, from_beginning=position == 0)[-count:]
        if len(last) == count and all(certain for _, certain in last):
            return position + last[0][0]
    return 0


def _line_starts(data: bytes, *, from_beginning: bool) -> list[tuple[int, bool]]:
    """Offsets in `data` at which a line of the container begins: an entry whose predecessor in its stream was complete (F).

    Unless `data` is from the beginning, the first entry of a stream may also be the rest of a line: then it is not certain.
    """
    starts: list[tuple[int, bool]] = []
    offset = 0
    complete: dict[bytes, bool] = {}
    for number, raw in enumerate(data.split(b"\n")[:-1]):
        fields = raw.split(b" ", 3)
        stream = fields[1] if len(fields) == 4 else b""
        if number > 0 or from_beginning:
            if complete.get(stream, True):
                starts.append((offset, stream in complete or from_beginning))
            complete[stream] = len(fields) < 4 or fields[2] != b"P"
        offset += len(raw) + 1
    return starts


def _current(stream: BinaryIO | None, path: str, tail: int | None) -> BinaryIO | None:
    """The open log, opened again when another file took its place or it shrank."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return stream
    if stream is not None:
        same = os.fstat(stream.fileno())
        if (same.st_ino, same.st_dev) == (status.st_ino, status.st_dev) and same.st_size >= stream.tell():
            return stream
        stream.close()
    fresh = open(path, "rb")  # noqa: SIM115 - handed to the caller
    if tail is not None:
        with open(path, "rb") as reader:
            fresh.seek(_tail_offset(reader, tail))
    return fresh
