"""Mount points that a root file system lacks, made for the time of a mount and taken away without a trace."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence

import msgspec


class MountPoint(msgspec.Struct, frozen=True):
    """A place something will be mounted on: an absolute path in the root, links resolved, and whether a folder is needed."""

    path: str
    is_folder: bool


@contextlib.contextmanager
def present(root: str, points: Sequence[MountPoint]) -> Iterator[None]:
    """Within the block every one of `points` exists in `root`. Afterwards what was made is gone, unless it was used for something.

    Folders that had to change get their times back, so that the layer being made does not show them.
    """
    made: list[tuple[str, bool]] = []
    before: dict[str, tuple[int, int]] = {}
    after: dict[str, int] = {}
    try:
        for point in points:
            _make(root, point, made, before)
        after.update((folder, os.stat(folder).st_mtime_ns) for folder in before)
        yield
    finally:
        _unmake(made, before, after)


def make(root: str, point: MountPoint) -> None:
    """Make `point` in `root`, to stay. Raises OSError."""
    _make(root, point, [], {})


def _make(root: str, point: MountPoint, made: list[tuple[str, bool]], before: dict[str, tuple[int, int]]) -> None:
    parts = [part for part in point.path.split("/") if part]
    folder = root
    for number, part in enumerate(parts, 1):
        path = os.path.join(folder, part)
        if not os.path.lexists(path):
            if folder not in before and all(folder != one for one, _ in made):
                status = os.stat(folder)
                before[folder] = (status.st_atime_ns, status.st_mtime_ns)
            is_folder = point.is_folder or number < len(parts)
            if is_folder:
                os.mkdir(path, 0o755)
            else:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
            made.append((path, is_folder))
        folder = path


def _unmake(made: list[tuple[str, bool]], before: dict[str, tuple[int, int]], after: dict[str, int]) -> None:
    wanted: dict[str, tuple[int, int]] = {}
    for folder, (accessed, modified) in before.items():
        with contextlib.suppress(FileNotFoundError):  # the command removed the folder
            now = os.stat(folder).st_mtime_ns
            wanted[folder] = (accessed, modified if now == after.get(folder, now) else now)
    for path, is_folder in reversed(made):
        with contextlib.suppress(OSError):  # used meanwhile (not empty), replaced, or removed: then it is the command's
            if is_folder:
                os.rmdir(path)
            elif os.lstat(path).st_size == 0:
                os.unlink(path)
    for folder, times in wanted.items():
        os.utime(folder, ns=times)
