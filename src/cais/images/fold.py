"""Takes folders out of a layer that say nothing: copied up for something that was made in them and removed again."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from cais.linux.overlay import is_opaque


def fold_folders(upper: str, lowers: Sequence[str]) -> None:
    """Remove the folders of layer `upper` (not mounted) that are empty and are the same in `lowers` (bottom first)."""
    _fold(upper, "", tuple(reversed(lowers)))


def _fold(upper: str, path: str, lowers: Sequence[str]) -> None:
    with os.scandir(os.path.join(upper, path)) as scan:
        folders = [entry.name for entry in scan if entry.is_dir(follow_symlinks=False)]
    for name in folders:
        below = os.path.join(path, name)
        status = os.lstat(os.path.join(upper, below))
        _fold(upper, below, lowers)
        full = os.path.join(upper, below)
        if not os.listdir(full) and not is_opaque(full) and _same_below(status, below, lowers):
            times = os.stat(os.path.dirname(full))
            os.rmdir(full)
            os.utime(os.path.dirname(full), ns=(times.st_atime_ns, times.st_mtime_ns))


def _same_below(status: os.stat_result, path: str, lowers: Sequence[str]) -> bool:
    for lower in lowers:
        try:
            found = os.lstat(os.path.join(lower, path))
        except (FileNotFoundError, NotADirectoryError):
            continue
        same = (found.st_mode, found.st_uid, found.st_gid, found.st_mtime_ns)
        return stat.S_ISDIR(found.st_mode) and same == (
            status.st_mode,
            status.st_uid,
            status.st_gid,
            status.st_mtime_ns,
        )
    return False
