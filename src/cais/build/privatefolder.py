"""A folder for what nobody else may see, for the time of a step."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator

from cais import durable


@contextlib.contextmanager
def private_folder(run_folder: str) -> Iterator[str]:
    """A folder for secrets and sockets, in memory where the run folder is; those that dead builds left are removed."""
    parent = _parent(run_folder)
    os.makedirs(parent, mode=0o700, exist_ok=True)
    sweep_private(run_folder)
    folder, fd = durable.own_new(parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
        os.close(fd)


def sweep_private(run_folder: str) -> int:
    """Remove the folders that dead builds left; how many."""
    parent, count = _parent(run_folder), 0
    for name in os.listdir(parent) if os.path.isdir(parent) else ():
        abandoned = durable.try_own(os.path.join(parent, name))
        if abandoned is not None:
            shutil.rmtree(os.path.join(parent, name))
            os.close(abandoned)
            count += 1
    return count


def _parent(run_folder: str) -> str:
    return os.path.join(run_folder, "secrets")
