"""Logs of several containers as one stream."""

from __future__ import annotations

import heapq
import queue
import threading
from collections.abc import Callable, Collection, Iterator

import msgspec

from cais.engine.protocol import ContainerState, Engine, LogLine

IDLE_S = 0.02


class LogRecord(msgspec.Struct, frozen=True):
    """A line and the container that wrote it."""

    container: ContainerState
    line: LogLine


def merged(
    engine: Engine,
    containers: Collection[ContainerState],
    *,
    tail: int | None,
    since: float | None,
    until: float | None,
) -> Iterator[LogRecord]:
    """What the containers wrote so far, by time; `tail` counts per container."""
    streams = [
        ((record.line.at, index, record) for record in _records(engine, container, tail, since, until))
        for index, container in enumerate(containers)
    ]
    for _, _, record in heapq.merge(*streams, key=lambda item: item[:2]):
        yield record


def _records(
    engine: Engine, container: ContainerState, tail: int | None, since: float | None, until: float | None
) -> Iterator[LogRecord]:
    for line in engine.logs(container.id, tail=tail, since=since, until=until):
        yield LogRecord(container, line)


class Follower:
    """Follows containers, each in a thread; lines come out of `records` as they are written. Containers may join later."""

    def __init__(self, engine: Engine, stop: threading.Event) -> None:
        self._engine = engine
        self._stop = stop
        self._queue: queue.SimpleQueue[LogRecord | None] = queue.SimpleQueue()
        self._alive = 0
        self._lock = threading.Lock()
        self._known: set[str] = set()

    def add(self, container: ContainerState, *, tail: int | None = None, since: float | None = None) -> None:
        """Follow `container` too; a container already followed is left alone."""
        with self._lock:
            if container.id in self._known:
                return
            self._known.add(container.id)
            self._alive += 1
        threading.Thread(
            target=self._follow, args=(container, tail, since), name=f"logs {container.name}", daemon=True
        ).start()

    def records(self, finished: Callable[[], bool] = lambda: True) -> Iterator[LogRecord]:
        """Lines as they come; ends when stopped, or when every container has ended and `finished` agrees."""
        while not self._stop.is_set():
            try:
                record = self._queue.get(timeout=0.2)
            except queue.Empty:
                record = None
            if record is not None:
                yield record
            elif self._alive == 0 and self._queue.empty() and finished():
                return

    def _follow(self, container: ContainerState, tail: int | None, since: float | None) -> None:
        try:
            for line in self._engine.follow(container.id, tail=tail, since=since):
                if line is not None:
                    self._queue.put(LogRecord(container, line))
                elif self._stop.wait(IDLE_S):
                    break
        finally:
            with self._lock:
                self._alive -= 1
                self._known.discard(container.id)
            self._queue.put(None)
