"""Work in a private mount (and pid) namespace, without leaving a mark on the calling process.

unshare(2) acts on one thread, so a throw-away thread takes the new namespaces, starts what must live in them, and ends. Nothing is
executed only to get there: that saves three processes for every container started.
"""

from __future__ import annotations

import ctypes
import functools
import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")

# linux/sched.h
CLONE_NEWNS = 0x00020000
CLONE_NEWPID = 0x20000000
# linux/mount.h
MS_REC = 0x4000
MS_SLAVE = 0x80000
MNT_DETACH = 2


@functools.cache
def _libc() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    library.unshare.argtypes = (ctypes.c_int,)
    library.umount2.argtypes = (ctypes.c_char_p, ctypes.c_int)
    library.mount.argtypes = (
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_ulong,
        ctypes.c_void_p,
    )
    return library


def _check(result: int, subject: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), subject)


def unshare(flags: int) -> None:
    """Put the calling thread into new namespaces (unshare(2)). Raises OSError."""
    _check(_libc().unshare(flags), "unshare")


def receive_mounts_only() -> None:
    """Mounts made outside still arrive in this mount namespace, its own stay inside."""
    _check(_libc().mount(None, b"/", None, MS_REC | MS_SLAVE, None), "/")


def detach(path: str) -> None:
    """Unmount `path` lazily in this mount namespace. Raises OSError."""
    _check(_libc().umount2(os.fsencode(path), MNT_DETACH), path)


class Apart(Generic[Result]):
    """Work that runs in a thread with its own mount namespace, from which the mounts `without` are gone.

    Processes the work starts inherit the namespaces. With `new_pids` the first of them is PID 1 of a new pid namespace: when it dies,
    all its descendants do. A parent-death signal of a child is sent when the work is done, because its thread ends then.
    """

    def __init__(self, work: Callable[[], Result], *, without: tuple[str, ...], new_pids: bool = False) -> None:
        self._work = work
        self._without = without
        self._new_pids = new_pids
        self._results: list[Result] = []
        self._failures: list[BaseException] = []
        self._thread = threading.Thread(target=self._body, name="cais-apart", daemon=True)
        self._thread.start()

    def result(self) -> Result:
        """Wait for the work: its result, or its exception raised."""
        self._thread.join()
        if self._failures:
            raise self._failures[0]
        return self._results[0]

    def _body(self) -> None:
        try:
            unshare(CLONE_NEWNS | (CLONE_NEWPID if self._new_pids else 0))
            receive_mounts_only()
            for path in self._without:
                detach(path)
            self._results.append(self._work())
        except BaseException as failure:  # noqa: BLE001 - handed to whoever asks for the result
            self._failures.append(failure)
