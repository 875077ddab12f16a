"""Moving a process into a cgroup quickly.

The kernel takes `cgroup_threadgroup_rwsem` for it (kernel/cgroup/cgroup.c). To take that lock after a pause means to wait for a grace
period of RCU, 8 to 20 ms here; for some milliseconds after it was taken it is free at once (kernel/rcu/sync.c). So while a runtime is
on its way to the move, a thread moves this process where it is already: the waiting is over when the runtime comes.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator

AGAIN_S = 0.003
LONGEST_S = 1.0
_ROOT = "/sys/fs/cgroup"


class QuickMoves:
    """Keeps the lock free while somebody asks for it; one thread for all who do."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._over = threading.Event()

    @contextlib.contextmanager
    def awaited(self) -> Iterator[None]:
        """While the block runs (a second at most), moves of any process find the lock free."""
        self._enter()
        try:
            yield
        finally:
            self._leave()

    def _enter(self) -> None:
        with self._lock:
            self._users += 1
            if self._users > 1:
                return
            path = _own_list()
            if path:
                self._over = threading.Event()
                work = threading.Thread(target=_keep_taking, args=(path, self._over), name="cais-cgroup", daemon=True)
                work.start()

    def _leave(self) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                self._over.set()  # the thread is not waited for: it may be in the kernel for some milliseconds


def _keep_taking(path: str, over: threading.Event) -> None:
    # Whatever forbids the move (a read-only mount, a container's root) only leaves the runtime's own move as slow as it was.
    with contextlib.suppress(OSError):
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            own = str(os.getpid()).encode()
            for _ in range(int(LONGEST_S / AGAIN_S)):
                os.write(fd, own)
                if over.wait(AGAIN_S):
                    return
        finally:
            os.close(fd)


def _own_list() -> str:
    """The list of processes of the cgroup this process is in; "" without cgroups."""
    with open("/proc/self/cgroup", encoding="utf-8") as stream:
        lines = [line.rstrip("\n").split(":", 2) for line in stream]
    for _, controllers, path in lines:
        for mounted in (os.path.join(_ROOT, controllers.removeprefix("name=")), os.path.join(_ROOT, "unified")):
            candidate = f"{mounted.rstrip('/')}{path.rstrip('/')}/cgroup.procs"
            if os.access(candidate, os.W_OK):
                return candidate
    return ""
