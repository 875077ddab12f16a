"""Logs of several containers as one stream."""

from __future__ import annotations

import contextlib
import heapq
import math
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator

import msgspec

from cais.engine import restarts
from cais.engine.details import LogDriver
from cais.engine.protocol import ContainerState, Engine, LogLine, State
from cais.errors import NotFoundError

IDLE_S = 0.02
WAIT_S = 0.1
LOOK_S = 0.5  # how long a container that was started again, or is new, may go unnoticed
BY_HAND_S = 1.5
BEFORE_START_S = 0.5  # the first lines may be written before the start is noted
REMARK_DELAY_S = 0.1  # what a container wrote last is in its log a little after its end is known


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


def without_log(containers: Collection[ContainerState]) -> tuple[str, ...]:
    """What there is to say of containers of which no log is kept, a sentence each."""
    silent = (c for c in containers if c.spec.log.driver is LogDriver.NONE)
    return tuple(f"{c.name} keeps no log: its logging driver is none" for c in silent)


class Remark(msgspec.Struct, frozen=True):
    """Something to be said about a container among its lines."""

    container: ContainerState
    text: str


def goes_on(container: ContainerState, now: float) -> bool:
    """Whether a container runs, will run again by its restart policy, or was stopped so lately that it may be being restarted by hand."""
    if container.state in {State.RUNNING, State.RESTARTING}:
        return True
    if container.state is not State.EXITED:
        return container.state is State.CREATED and container.started_at > 0  # being started again
    if container.manually_stopped:
        return now - (container.finished_at or now) < BY_HAND_S
    asked = container.spec.restart
    count = restarts.counted(asked, container.restart_count, ran_s=container.finished_at - container.started_at)
    return restarts.may_restart(asked, container.exit_code, manually_stopped=False, restart_count=count)


class Follower:
    """Follows containers, each in a thread; lines come out of `records` as they are written. Containers may join later."""

    def __init__(self, engine: Engine, stop: threading.Event) -> None:
        self._engine = engine
        self._stop = stop
        self._queue: queue.SimpleQueue[LogRecord | None] = queue.SimpleQueue()
        self._remarks: deque[tuple[float, Remark]] = deque()
        self._lock = threading.Lock()
        self._followed: set[str] = set()
        self._since: dict[str, float | None] = {}

    def add(self, container: ContainerState, *, tail: int | None = None, since: float | None = None) -> None:
        """Follow `container` too. One already followed is left alone; one that was followed before goes on where it was left."""
        with self._lock:
            if container.id in self._followed:
                return
            self._followed.add(container.id)
            if container.id in self._since:
                tail, since = None, self._since[container.id] or container.started_at - BEFORE_START_S
            self._since[container.id] = since
        work = threading.Thread(
            target=self._follow, args=(container, tail, since), name=f"logs {container.name}", daemon=True
        )
        work.start()

    def remark(self, remark: Remark) -> None:
        """Have `remark` come out of `records`, after the lines that the container wrote before."""
        self._remarks.append((time.monotonic() + REMARK_DELAY_S, remark))

    def records(self, living: Callable[[], Collection[ContainerState]] = lambda: ()) -> Iterator[LogRecord | Remark]:
        """Lines and remarks as they come; ends when stopped, or when all is read and no container goes on.

        `living` tells which do: it is asked now and then, and those that are not followed (started again, or new) are from then on.
        """
        look_at = time.monotonic() + LOOK_S
        while not self._stop.is_set():
            try:
                record = self._queue.get(timeout=WAIT_S)
            except queue.Empty:
                record = None
            else:
                if record is not None:
                    yield record
            yield from self._due_remarks()
            if time.monotonic() < look_at and (record is not None or self._followed):
                continue
            look_at = time.monotonic() + LOOK_S
            going_on = living()
            for container in going_on:
                self.add(container, since=container.created_at)
            if not going_on and not self._followed and self._queue.empty():
                yield from self._due_remarks(all_of_them=True)
                return

    def _due_remarks(self, *, all_of_them: bool = False) -> Iterator[Remark]:
        while self._remarks and (all_of_them or self._remarks[0][0] <= time.monotonic()):
            yield self._remarks.popleft()[1]

    def _follow(self, container: ContainerState, tail: int | None, since: float | None) -> None:
        # It may be removed at any moment: then there is nothing more to come.
        with contextlib.suppress(NotFoundError):
            try:
                for line in self._engine.follow(container.id, tail=tail, since=since):
                    if line is not None:
                        self._queue.put(LogRecord(container, line))
                        self._since[container.id] = math.nextafter(line.at, math.inf)
                    elif self._stop.wait(IDLE_S):
                        break
            finally:
                with self._lock:
                    self._followed.discard(container.id)
                self._queue.put(None)
