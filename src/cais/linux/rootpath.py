"""Paths as a process inside a root file system would see them, walked from outside. Symbolic links never lead out."""

from __future__ import annotations

import errno
import os
import stat

MAX_LINKS = 40  # linux/namei.h, MAXSYMLINKS


def resolve_in_root(root: str, path: str) -> str:
    """`path`, absolute in `root`, with every symbolic link followed as if `root` were /; parts that do not exist are kept.

    Raises OSError (ELOOP) on a loop. The root must not change meanwhile.
    """
    waiting = [part for part in reversed(path.split("/")) if part not in ("", ".")]
    done: list[str] = []
    links = 0
    while waiting:
        part = waiting.pop()
        if part == "..":
            if done:
                done.pop()
            continue
        real = os.path.join(root, *done, part)
        try:
            is_link = stat.S_ISLNK(os.lstat(real).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            is_link = False
        if not is_link:
            done.append(part)
            continue
        links += 1
        if links > MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        target = os.readlink(real)
        if target.startswith("/"):
            done = []
        waiting.extend(piece for piece in reversed(target.split("/")) if piece not in ("", "."))
    return "/" + "/".join(done)


def host_path(root: str, path: str) -> str:
    """Where `path` of `root` lies on the host, links followed inside `root`."""
    return os.path.join(root, resolve_in_root(root, path).lstrip("/"))
