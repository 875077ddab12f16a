"""The files of a container's log. conmon writes `log` and, when that has its size, begins it anew; what was before is kept by links.

    log.2, log.1   earlier ones, the highest number the oldest
    log.current    a second name of `log` as it was when last looked at: conmon's new file does not take its content away
    log            what conmon writes

conmon 2.1 keeps one file only. Because of the second name nothing is lost when nobody looks in time, unless `log` is begun anew twice.
"""

from __future__ import annotations

import contextlib
import os
import re
import time

from cais import durable

_NUMBERED = re.compile(r"log\.([0-9]+)")
_TAIL_BYTES = 1 << 16


def files(log: str) -> tuple[str, ...]:
    """The files that make up the log at path `log`, oldest first; none when there is no log yet."""
    folder = os.path.dirname(log)
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return ()
    numbers = sorted((int(found[1]) for name in names if (found := _NUMBERED.fullmatch(name))), reverse=True)
    earlier = [f"{log}.{number}" for number in numbers]
    current = f"{log}.current"
    if identity(current) not in (None, identity(log), *map(identity, earlier[-1:])):
        earlier.append(current)
    return (*earlier, log) if os.path.exists(log) else tuple(earlier)


def rotate(log: str, max_files: int, lock: str) -> None:
    """Number what was begun anew since the last look, so that at most `max_files` are kept, and hold on to the present file. Idempotent."""
    current = f"{log}.current"
    if identity(log) is None or identity(current) == identity(log):
        return
    with durable.locked(lock):
        if os.path.exists(current) and identity(current) != identity(log):
            for number in range(max_files - 1, 1, -1):
                with contextlib.suppress(FileNotFoundError):  # there were not so many yet
                    os.replace(f"{log}.{number - 1}", f"{log}.{number}")
            os.replace(current, f"{log}.1")
        with contextlib.suppress(FileExistsError):  # somebody else was quicker
            os.link(log, current)


def finish(log: str) -> None:
    """Complete the lines that the container's end left without one, so that what comes next does not seem to belong to them."""
    try:
        with open(log, "r+b") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - _TAIL_BYTES))
            entries = stream.read().split(b"\n")[:-1]
            unfinished = _unfinished(entries)
            if unfinished:
                stream.seek(0, os.SEEK_END)
                now = time.time_ns()
                stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 10**9)) + f".{now % 10**9:09d}+00:00"
                stream.write(b"".join(f"{stamp} {name} F \n".encode() for name in unfinished))
    except FileNotFoundError:
        return


def _unfinished(entries: list[bytes]) -> list[str]:
    """The streams whose last entry is a part of a line."""
    last: dict[bytes, bytes] = {}
    for entry in entries:
        fields = entry.split(b" ", 3)
        if len(fields) == 4:
            last[fields[1]] = fields[2]
    return [name.decode() for name, flag in last.items() if flag == b"P"]


def identity(file: str | int) -> tuple[int, int] | None:
    """What tells the file at a path, or of a descriptor, from all others; None when there is none."""
    try:
        status = os.stat(file)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
