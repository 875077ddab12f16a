"""Folders that the builder keeps from one build to the next: `NAME`, and beside it `NAME.lock`, which says what it is and by its time when it
was last used. Builds hold one lock together; who takes that alone may remove what is kept, and whatever half-made thing lies about.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from cais import durable

LOCK_SUFFIX = ".lock"


@contextlib.contextmanager
def keeping(path: str, description: str, *, shared: bool = False) -> Iterator[None]:
    """Hold the kept folder `path`, waiting for whoever has it, and note that it is used."""
    with durable.locked(path + LOCK_SUFFIX, shared=shared) as fd:
        note_use(fd, description)
        yield


def note_use(fd: int, description: str) -> None:
    """What is locked by `fd` is used now."""
    if os.fstat(fd).st_size == 0:
        os.pwrite(fd, description.encode(errors="replace"), 0)
    os.utime(fd)


def description_of(path: str) -> str:
    """What was said of a kept folder, "" when nothing was."""
    try:
        with open(path + LOCK_SUFFIX, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""


@contextlib.contextmanager
def building(folder: str) -> Iterator[None]:
    """While a build runs, what is kept in `folder` stays."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with durable.locked(_lease(folder), shared=True):
        yield


@contextlib.contextmanager
def alone(folder: str) -> Iterator[bool]:
    """Whether no build runs for the time of the block."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    fd = durable.try_lock(_lease(folder))
    try:
        yield fd is not None
    finally:
        if fd is not None:
            os.close(fd)


def _lease(folder: str) -> str:
    return os.path.join(folder, ".lease")
