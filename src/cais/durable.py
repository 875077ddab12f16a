"""Crash-safe writes and locks that death releases.

Order of every write: temporary name, sync, rename, sync the folder; only then may anything name it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from typing import BinaryIO

TEMPORARY_PREFIX = ".tmp-"


def temporary_name(folder: str) -> str:
    """A name in `folder` that no reader looks at and every sweep removes."""
    return os.path.join(folder, TEMPORARY_PREFIX + os.urandom(8).hex())


def sync_folder(folder: str) -> None:
    """Make renames in `folder` survive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write(path: str, data: bytes, *, mode: int = 0o644, sync: bool = True) -> None:
    """Write `data` to `path`: readers see the old content or the new, never a part.

    `sync=False` is for files that a crash of the machine (not of the process) may lose, such as caches.
    """
    folder = os.path.dirname(path) or "."
    temporary = temporary_name(folder)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(fd, "wb") as stream:
            stream.write(data)
            stream.flush()
            if sync:
                os.fsync(stream.fileno())
        os.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):  # the rename may have happened
            os.unlink(temporary)
        raise
    if sync:
        sync_folder(folder)


@contextlib.contextmanager
def appearing(path: str, *, mode: int) -> Iterator[BinaryIO]:
    """A stream to a file that appears at `path` when the block is through. Else nothing stays, not even after a kill, where the file
    system knows files without a name (O_TMPFILE, open(2)). For files of the user's, in whose folders nobody sweeps."""
    folder = os.path.dirname(path) or "."
    temporary = temporary_name(folder)
    try:
        fd = os.open(folder, os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, mode)
        has_name = False
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            raise
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        has_name = True
    try:
        with os.fdopen(fd, "wb") as stream:
            yield stream
            stream.flush()
            if not has_name:
                # With a folder given, which an absolute path does not need, Python asks the kernel to follow the link.
                os.link(f"/proc/self/fd/{stream.fileno()}", temporary, src_dir_fd=stream.fileno())
        os.rename(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):  # renamed, or it never had a name
            os.unlink(temporary)


def try_lock(path: str) -> int | None:
    """A file descriptor that holds the exclusive lock `path`, or None when somebody else holds it.

    The lock goes when the descriptor is closed or the process dies. The file is never removed: removing it would let two holders in.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


@contextlib.contextmanager
def locked(path: str, *, shared: bool = False) -> Iterator[int]:
    """Hold the lock `path` (exclusive unless `shared`), waiting for whoever holds it; yields its file descriptor."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield fd
    finally:
        os.close(fd)


def try_own(folder: str) -> int | None:
    """A file descriptor that holds the exclusive lock on `folder`, or None when somebody else holds it, or it is gone.

    The lock goes when the descriptor is closed or the process dies: whoever gets it then may remove the folder.
    """
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.exists(folder):
            return fd
    except BlockingIOError:
        pass
    os.close(fd)
    return None


def own_new(parent: str) -> tuple[str, int]:
    """A new folder in `parent`, for its owner only, and the file descriptor by which it is held (see `try_own`)."""
    while True:
        folder = os.path.join(parent, os.urandom(8).hex())
        os.mkdir(folder, 0o700)
        fd = try_own(folder)
        if fd is not None:
            return folder, fd
        # A sweep came between the two calls and has taken it away.


def sweep_temporaries(folder: str) -> None:
    """Remove what interrupted writes left in `folder`. The caller holds the lock that writers of `folder` take."""
    with contextlib.suppress(FileNotFoundError):  # nothing was ever written there
        for entry in os.scandir(folder):
            if entry.name.startswith(TEMPORARY_PREFIX) and entry.is_file(follow_symlinks=False):
                os.unlink(entry.path)


def free_bytes(folder: str) -> int:
    """What may still be written to the disk of `folder`. Raises OSError."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize
