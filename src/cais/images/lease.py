"""Who may remove what nobody seems to need: an flock that writers share and the collector takes alone.

Between its commit and the row that will need it, a snapshot looks like rubbish. So everybody who makes snapshots or blobs holds the lease
(to the end of its process, shared with all other writers), and only who gets it alone may collect.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator


class Lease:
    """One process's hold on the lock `path`; safe to use from several threads."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._fd: int | None = None
        self._writers = 0

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Make snapshots or blobs in the block. The lease stays with this process after it, for the row that comes next."""
        with self._lock:
            fcntl.flock(self._open(), fcntl.LOCK_SH)
            self._writers += 1
        try:
            yield
        finally:
            with self._lock:
                self._writers -= 1

    @contextlib.contextmanager
    def collecting(self) -> Iterator[bool]:
        """Whether nobody else writes for the time of the block; when False, nothing may be removed for being unneeded."""
        with self._lock:
            alone = self._writers == 0 and self._try_alone()
            try:
                yield alone
            finally:
                self.close()

    def close(self) -> None:
        """Give the lease back."""
        if self._fd is not None and self._writers == 0:
            os.close(self._fd)
            self._fd = None

    def _try_alone(self) -> bool:
        try:
            fcntl.flock(self._open(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _open(self) -> int:
        if self._fd is None:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return self._fd
