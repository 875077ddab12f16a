"""Connections that are used again.

Small and without threads of its own, so that it may be made before gunicorn forks its workers (no connection is opened before the first use), and so that
a store that comes back is found at the next request: nothing waits with growing pauses in the background.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from fotogal.catalogue.interface import Unavailable


class Closable(Protocol):
    def close(self) -> None: ...


C = TypeVar("C", bound=Closable)


class Pool(Generic[C]):
    """At most `size` connections, made by `connect`. One is handed out again if `usable` says so."""

    def __init__(self, connect: Callable[[], C], usable: Callable[[C], bool], size: int, patience_s: float) -> None:
        self._connect = connect
        self._usable = usable
        self._patience_s = patience_s
        self._free = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[C] = []
        self._closed = False

    @contextmanager
    def borrow(self) -> Iterator[C]:
        """A connection for the time of a `with`. Raises Unavailable when all stay in use, and whatever `connect` raises."""
        if not self._free.acquire(timeout=self._patience_s):
            raise Unavailable(f"all connections of the catalogue were in use for {self._patience_s:g} s")
        try:
            connection = self._take() or self._connect()
            try:
                yield connection
            finally:
                self._give_back(connection)
        finally:
            self._free.release()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> C | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if self._usable(connection):
                return connection
            connection.close()

    def _give_back(self, connection: C) -> None:
        if self._usable(connection):
            with self._lock:
                if not self._closed:
                    self._idle.append(connection)
                    return
        connection.close()
