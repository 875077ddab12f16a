"""A folder for what nobody else may see, for the time of a step."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator


@contextlib.contextmanager
def private_folder(run_folder: str) -> Iterator[str]:
    """A folder for secrets and sockets, in memory where the run folder is; those that dead builds left are removed."""
    parent = _parent(run_folder)
    os.makedirs(parent, mode=0o700, exist_ok=True)
    sweep_private(run_folder)
    fd = None
    while fd is None:  # a sweep may come between the two calls and take the folder away
        folder = os.path.join(parent, secrets.token_hex(8))
        os.mkdir(folder, 0o700)
        fd = _own(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
        os.close(fd)


def sweep_private(run_folder: str) -> int:
    """Remove the folders that dead builds left; how many."""
    parent, count = _parent(run_folder), 0
    for name in os.listdir(parent) if os.path.isdir(parent) else ():
        abandoned = _own(os.path.join(parent, name))
        if abandoned is not None:
            shutil.rmtree(os.path.join(parent, name))
            os.close(abandoned)
            count += 1
    return count


def _parent(run_folder: str) -> str:
    return os.path.join(run_folder, "secrets")


def _own(folder: str) -> int | None:
    """A descriptor that holds the lock on `folder`, which goes with this process; None when somebody else has it or it is gone."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    if not os.path.exists(folder):
        os.close(fd)
        return None
    return fd
