"""Threads for the engine's blocking calls.

Not `concurrent.futures`: its threads are waited for at the end of the process, and a health check may hang for as long as its timeout.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
Job = Callable[[], None]

IDLE_S = 20.0


class Workers:
    """At most `limit` daemon threads, made as they are needed; calls beyond that wait their turn, in order.

    The thread that was busy last is used first, and one idle for `IDLE_S` ends: each has its own database connection and heap.
    To be used in the event loop only.
    """

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._limit = limit
        self._idle: list[_Worker] = []
        self._threads = 0
        self._backlog: deque[Job] = deque()

    def run(self, call: Callable[[], T]) -> Awaitable[T]:
        """The result of `call()`, made in a thread."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def finish(worker: _Worker, result: T | None, error: BaseException | None) -> None:
            self._next(worker)
            if future.done():
                return  # the waiter was cancelled
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)  # type: ignore[arg-type]

        def job() -> None:
            result, error = None, None
            try:
                result = call()
            except BaseException as caught:  # noqa: BLE001 - handed to the waiter
                error = caught
            worker = threading.current_thread()
            assert isinstance(worker, _Worker)
            _tell(loop, lambda: finish(worker, result, error))

        self._give(loop, job)
        return future

    def _give(self, loop: asyncio.AbstractEventLoop, job: Job) -> None:
        if self._idle:
            self._idle.pop().jobs.put(job)
        elif self._threads < self._limit:
            self._threads += 1
            worker = _Worker(self._name, lambda: _tell(loop, lambda: self._retire(worker)))
            worker.jobs.put(job)
            worker.start()
        else:
            self._backlog.append(job)

    def _next(self, worker: _Worker) -> None:
        """The worker is free."""
        if self._backlog:
            worker.jobs.put(self._backlog.popleft())
        else:
            self._idle.append(worker)

    def _retire(self, worker: _Worker) -> None:
        """The worker has had nothing to do; unless it was given something just now, it ends."""
        if worker in self._idle:
            self._idle.remove(worker)
            self._threads -= 1
            worker.jobs.put(None)


class _Worker(threading.Thread):
    """A thread that does its jobs, and says (once a spell) when it has had none for `IDLE_S`. None ends it."""

    def __init__(self, name: str, bored: Callable[[], None]) -> None:
        super().__init__(name=name, daemon=True)
        self.jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._bored = bored

    def run(self) -> None:
        """See `Thread.run`."""
        while True:
            try:
                job = self.jobs.get(timeout=IDLE_S)
            except queue.Empty:
                self._bored()
                job = self.jobs.get()
            if job is None:
                return
            job()


def _tell(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    """Have the loop call `call`; if it has ended, nobody waits any more."""
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        if not loop.is_closed():
            raise
