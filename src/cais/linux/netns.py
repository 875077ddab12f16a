"""Network namespaces that outlive whoever made them: a file with the namespace bind-mounted on it (what `nsenter --net=FILE` takes).

setns(2) and unshare(2) act on one thread, so everything is done in a throw-away thread: nothing has to be put back, and no interrupt
(Python runs signal handlers in the main thread only) can leave the caller in the wrong network.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from cais.linux import mount

Result = TypeVar("Result")

# linux/sched.h
CLONE_NEWNET = 0x40000000
THREAD_NAMESPACE = "/proc/thread-self/ns/net"


@functools.cache
def _libc() -> Any:  # noqa: ANN401  (ctypes functions have no static type)
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    libc.unshare.argtypes = (ctypes.c_int,)
    libc.setns.argtypes = (ctypes.c_int, ctypes.c_int)
    return libc


def _check(result: int, subject: str) -> None:
    if result != 0:
        import ctypes

        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), subject)


def enter(fd: int) -> None:
    """Put the calling thread into the network namespace `fd` (setns(2)). Raises OSError."""
    _check(_libc().setns(fd, CLONE_NEWNET), "setns")


def create(path: str, work: Callable[[], Result]) -> Result:
    """Make a namespace, run `work` in it, keep it at `path`; when `work` raises, nothing is left. Raises OSError."""

    def body() -> Result:
        _check(_libc().unshare(CLONE_NEWNET), "unshare")
        result = work()
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o444))
        mount.bind(THREAD_NAMESPACE, path)
        return result

    return _apart(body)


def inside(path: str, work: Callable[[], Result]) -> Result:
    """Run `work` in the namespace kept at `path`; what it opens stays there. Raises OSError."""

    def body() -> Result:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            enter(fd)
        finally:
            os.close(fd)
        return work()

    return _apart(body)


def exists(path: str) -> bool:
    """Whether `path` holds a namespace; a plain file (left by a crash or a reboot) does not."""
    try:
        return os.stat(path).st_dev != os.stat(os.path.dirname(path)).st_dev
    except FileNotFoundError:
        return False


def remove(path: str) -> None:
    """Let go of the namespace at `path` and remove the file; none is fine. The kernel ends it, with its links, when its last user is gone."""
    try:
        mount.unmount(path, lazy=True)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOENT):  # not mounted, not there
            raise
    with contextlib.suppress(FileNotFoundError):  # removed before
        os.unlink(path)


def _apart(body: Callable[[], Result]) -> Result:
    results: list[Result] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(body())
        except BaseException as failure:  # noqa: BLE001 - handed to the caller below
            failures.append(failure)

    thread = threading.Thread(target=run, name="cais-netns")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]
