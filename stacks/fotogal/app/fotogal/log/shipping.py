"""A log handler that hands its lines to a service in batches, and never holds up who writes one.

Lines wait in a queue of limited length, from which one thread sends them. When the service is slower than the lines, or away, lines are dropped: the
thread says on stderr how many, as soon as it gets to it.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

LONGEST_QUEUE = 10_000
LARGEST_BATCH = 200
WAIT_S = 1.0
GOODBYE_S = 1.5


@dataclass(frozen=True, slots=True)
class Line:
    """`text` was written at `time`."""

    text: str
    time: datetime


Send = Callable[[Sequence[Line]], None]


class ShippingHandler(logging.Handler):
    """`send` takes a batch or raises one of `errors`. A batch is sent when `LARGEST_BATCH` lines are there, or `WAIT_S` after its first."""

    def __init__(self, send: Send, errors: tuple[type[Exception], ...], stderr: TextIO = sys.stderr) -> None:
        super().__init__()
        self._send = send
        self._errors = errors
        self._stderr = stderr
        self._queue: queue.Queue[Line | None] = queue.Queue(LONGEST_QUEUE)
        self._dropped = 0
        self._counting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._process = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Called under the handler's lock."""
        self._ensure_thread()
        try:
            self._queue.put_nowait(Line(self.format(record), datetime.fromtimestamp(record.created, UTC)))
        except queue.Full:
            self._count_dropped(1)

    def close(self) -> None:
        """Sends what is there, if that takes no longer than `GOODBYE_S`."""
        if self._thread is not None and self._process == os.getpid():
            deadline = time.monotonic() + GOODBYE_S
            try:
                self._queue.put(None, timeout=GOODBYE_S)
            except queue.Full:  # the service is away: what is left is lost, and was said to be
                self._count_dropped(self._queue.qsize())
            else:
                self._thread.join(max(0.0, deadline - time.monotonic()))
            self._thread = None
            self._say_dropped()
        super().close()

    def _ensure_thread(self) -> None:
        """A thread does not survive a fork: each process has its own, begun with its first line."""
        if self._thread is None or self._process != os.getpid():
            self._process = os.getpid()
            self._queue = queue.Queue(LONGEST_QUEUE)
            self._dropped, self._counting = 0, threading.Lock()  # the other process's thread may have held it
            self._thread = threading.Thread(target=self._work, args=(self._queue,), name="log", daemon=True)
            self._thread.start()

    def _work(self, lines: queue.Queue[Line | None]) -> None:
        while batch := self._next_batch(lines):
            try:
                self._send(batch)
            except self._errors as error:
                self._count_dropped(len(batch))
                print(f"fotogal: the log service does not answer: {error}", file=self._stderr, flush=True)
            self._say_dropped()

    def _next_batch(self, lines: queue.Queue[Line | None]) -> list[Line]:
        """Waits for a first line, then a moment for more. Empty at the end."""
        first = lines.get()
        if first is None:
            return []
        batch = [first]
        deadline = time.monotonic() + WAIT_S
        while len(batch) < LARGEST_BATCH:
            try:
                line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if line is None:
                lines.put(None)  # for the next time: it is the end of that too
                break
            batch.append(line)
        return batch

    def _count_dropped(self, number: int) -> None:
        with self._counting:
            self._dropped += number

    def _say_dropped(self) -> None:
        with self._counting:
            number, self._dropped = self._dropped, 0
        if number:
            print(f"fotogal: {number} lines of the log were dropped", file=self._stderr, flush=True)
