"""One maker a step: identical steps, in this process or another, are made once, and the others take the result."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator


@contextlib.contextmanager
def step_lock(folder: str, key: str) -> Iterator[None]:
    """Hold the step `key`, waiting for whoever makes it now. Its file under `folder` goes with the last holder."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    _sweep(folder, key)
    fd = _hold(os.path.join(folder, key))
    try:
        yield
    finally:
        os.unlink(os.path.join(folder, key))
        os.close(fd)


def _hold(path: str) -> int:
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink:
            return fd
        os.close(fd)  # whoever held it has removed the file meanwhile: another one may be there


def _sweep(folder: str, key: str) -> None:
    """Remove the files of builds that died."""
    for name in os.listdir(folder):
        if name == key:
            continue
        path = os.path.join(folder, name)
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(fd).st_nlink:
                os.unlink(path)
        except BlockingIOError:
            pass
        finally:
            os.close(fd)
