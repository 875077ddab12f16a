"""What a container printed, from the log that conmon writes in Kubernetes' format: time, stream, F (a whole line, or its end) or P (a part), text."""

from __future__ import annotations

import calendar
import contextlib
import os
from collections.abc import Callable, Iterator
from typing import BinaryIO

from cais.engine.native.logfiles import files, identity
from cais.engine.protocol import LogLine

BLOCK_BYTES = 1 << 16


def read(path: str, *, tail: int | None, since: float | None, until: float | None) -> Iterator[LogLine]:
    """The lines of the log so far, oldest first; a partial line is one entry. No error when there is no log yet."""
    for name, offset in _beginning(path, tail):
        try:
            stream = open(name, "rb")  # noqa: SIM115 - closed below; it may have been the oldest, and is gone
        except FileNotFoundError:
            continue
        with stream:
            stream.seek(offset)
            for raw in stream:
                line = parse(raw)
                if line is None or (since is not None and line.at < since):
                    continue
                if until is not None and line.at > until:
                    return
                yield line


def follow(path: str, *, tail: int | None, since: float | None, ended: Callable[[], bool]) -> Iterator[LogLine | None]:
    """Like `read`, then what comes; None when there is nothing new. Ends when `ended` says so and all is read.

    A log that conmon began anew (its size limit) is followed into its new file.
    """
    stream: BinaryIO | None = None
    places = _beginning(path, tail)
    waiting = b""
    try:
        while True:
            over = ended()
            if stream is None:
                stream = _first(places or tuple((name, 0) for name in files(path)))
                places = ()
            chunk = stream.read(BLOCK_BYTES) if stream is not None else b""
            if stream is not None and not chunk and (later := _after(path, stream)) is not None:
                # What came between the last read and the new file is still to be read.
                chunk = stream.read(BLOCK_BYTES)
                if not chunk:
                    stream.close()
                    stream, waiting = later, b""
                    continue
                later.close()
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


def _beginning(path: str, tail: int | None) -> tuple[tuple[str, int], ...]:
    """The files to be read and where in each: all from their beginning, or the last `tail` lines."""
    names = files(path)
    if tail is None:
        return tuple((name, 0) for name in names)
    chosen: list[tuple[str, int]] = []
    wanted = tail
    for name in reversed(names):
        with contextlib.suppress(FileNotFoundError), open(name, "rb") as stream:
            offset, found = _tail_offset(stream, wanted)
            chosen.append((name, offset))
            wanted -= found
        if wanted <= 0:
            break
    return tuple(reversed(chosen))


def _tail_offset(stream: BinaryIO, count: int) -> tuple[int, int]:
    """Where the last `count` lines that are whole begin, read from the end, and how many there are. Pieces of one long line count as
    one line; one that is not finished yet counts as none, as in Docker, which shows it when it is."""
    position = stream.seek(0, os.SEEK_END)
    if count <= 0:
        return position, 0
    data = b""
    while position > 0:
        step = min(BLOCK_BYTES, position)
        position -= step
        stream.seek(position)
        data = stream.read(step) + data
        last = _line_starts(data, from_beginning=position == 0)[-count:]
        if len(last) == count and all(certain for _, certain in last):
            return position + last[0][0], count
    return 0, len(_line_starts(data, from_beginning=True))


def _line_starts(data: bytes, *, from_beginning: bool) -> list[tuple[int, bool]]:
    """Offsets in `data` at which a line of the container begins: an entry whose predecessor in its stream was complete (F).

    Unless `data` is from the beginning, the first entry of a stream may also be the rest of a line: then it is not certain.
    """
    starts: list[tuple[int, bool]] = []
    offset = 0
    complete: dict[bytes, bool] = {}
    begun: dict[bytes, int] = {}
    for number, raw in enumerate(data.split(b"\n")[:-1]):
        fields = raw.split(b" ", 3)
        stream = fields[1] if len(fields) == 4 else b""
        if number > 0 or from_beginning:
            if complete.get(stream, True):
                starts.append((offset, stream in complete or from_beginning))
                begun[stream] = offset
            complete[stream] = len(fields) < 4 or fields[2] != b"P"
        offset += len(raw) + 1
    unfinished = {begun.get(stream) for stream, is_whole in complete.items() if not is_whole}
    return [start for start in starts if start[0] not in unfinished]


def _first(places: tuple[tuple[str, int], ...]) -> BinaryIO | None:
    """The oldest of these files that is there, opened at its place."""
    for name, offset in places:
        with contextlib.suppress(FileNotFoundError):
            stream = open(name, "rb")  # noqa: SIM115 - handed to the caller
            stream.seek(offset)
            return stream
    return None


def _after(path: str, stream: BinaryIO) -> BinaryIO | None:
    """The file of the log that comes after the one that `stream` reads, opened at its beginning; None when that is the last."""
    present = identity(stream.fileno())
    if identity(path) == present:
        return None
    names = files(path)
    for index, name in enumerate(names):
        if identity(name) == present:
            return _first(tuple((later, 0) for later in names[index + 1 :]))
    return _first(tuple((name, 0) for name in names))
