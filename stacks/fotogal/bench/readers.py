"""Many at once: each a process with connections of its own, asking again as soon as it has its answer."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier

READY_S = 300


@dataclass(frozen=True)
class Measured:
    """How long each answer took, in seconds, all readers together; and how long all of it."""

    times: list[float]
    elapsed: float

    def percentile(self, share: float) -> float:
        """In milliseconds."""
        ordered = sorted(self.times)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.times) / self.elapsed


# Made in the reader's process; each call asks once.
Asker = Callable[[int], Callable[[], object]]


def measure(make: Asker, readers: int, seconds: float) -> Measured:
    """`make(n)()` again and again by reader n, for `seconds`; each asks at least once. `make` connects, which does not count."""
    context = multiprocessing.get_context("fork")
    start = context.Barrier(readers)
    pipes = [context.Pipe(duplex=False) for _ in range(readers)]
    processes = [
        context.Process(target=_read, args=(make, number, start, seconds, sender))
        for number, (_, sender) in enumerate(pipes)
    ]
    for process in processes:
        process.start()
    times: list[float] = []
    elapsed = 0.0
    for receiver, _ in pipes:
        its_times, its_elapsed = receiver.recv()
        times += its_times
        elapsed = max(elapsed, its_elapsed)
    for process in processes:
        process.join()
    return Measured(times, elapsed)


def _read(make: Asker, number: int, start: Barrier, seconds: float, sender: Connection) -> None:
    ask = make(number)
    start.wait(READY_S)
    begun = time.perf_counter()
    times: list[float] = []
    while not times or time.perf_counter() - begun < seconds:
        before = time.perf_counter()
        ask()
        times.append(time.perf_counter() - before)
    sender.send((times, time.perf_counter() - begun))
