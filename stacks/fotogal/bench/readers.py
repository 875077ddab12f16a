"""Many readers at once, served as the application serves them: by a few processes with a few threads each, one request after the other.

A reader asks again as soon as it has its answer. What it asks waits in one queue, first come, first served, until a thread is free; so of many readers only as
many are asking the database at one moment as the application has threads, each over the connections of its process. The time of an answer counts from the
asking: waiting is part of it. Readers themselves take nothing of the machine: each is a ticket in the queue, which is a pipe that all threads read from.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import struct
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess

# When its reader asked, and until when it goes on asking: nanoseconds of the clock that all processes share.
_TICKET = struct.Struct("=qq")  # so short a record is written and read whole, whoever else does
_GO_HOME = 0


@dataclass(frozen=True)
class Servers:
    """As the application has them: gunicorn.conf.py."""

    processes: int = 2
    threads: int = 2


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


Ask = Callable[[random.Random], object]


@dataclass(frozen=True)
class _Queue:
    """`left`: a byte for each reader that asks no more."""

    tickets: tuple[int, int]
    left: tuple[int, int]

    def ask(self, asked_ns: int, until_ns: int) -> None:
        os.write(self.tickets[1], _TICKET.pack(asked_ns, until_ns))

    def next(self) -> tuple[int, int]:
        asked_ns, until_ns = _TICKET.unpack(os.read(self.tickets[0], _TICKET.size))
        return asked_ns, until_ns

    def leave(self) -> None:
        os.write(self.left[1], b".")

    def close(self) -> None:
        for end in (*self.tickets, *self.left):
            os.close(end)


def measure(make: Callable[[], Ask], readers: int, servers: Servers, seconds: float) -> Measured:
    """Each reader asks again and again for `seconds`, at least once; who has asked by then still has the answer.

    `make` is called once in each process, which connects, and gives what a thread does for a ticket.
    """
    context = multiprocessing.get_context("fork")
    queue = _Queue(os.pipe(), os.pipe())
    pipes = [context.Pipe(duplex=False) for _ in range(servers.processes)]
    processes = [
        context.Process(target=_serve, args=(make, number * servers.threads, servers.threads, queue, sender))
        for number, (_, sender) in enumerate(pipes)
    ]
    receivers = [receiver for receiver, _ in pipes]
    try:
        for process in processes:
            process.start()
        for receiver in receivers:
            _await([receiver], processes)
            receiver.recv()
        begun_ns = time.monotonic_ns()
        for _ in range(readers):
            queue.ask(time.monotonic_ns(), begun_ns + int(seconds * 1e9))
        _await_leaving(queue, readers, processes)
        elapsed_ns = time.monotonic_ns() - begun_ns
        for _ in range(servers.processes * servers.threads):
            queue.ask(_GO_HOME, _GO_HOME)
        return Measured([one for receiver in receivers for one in receiver.recv()], elapsed_ns / 1e9)
    finally:
        for process in processes:
            process.terminate()  # has nothing more to say, or another failed
            process.join()
        queue.close()


def _await_leaving(queue: _Queue, readers: int, processes: Sequence[ForkProcess]) -> None:
    while readers:
        _await([queue.left[0]], processes)
        readers -= len(os.read(queue.left[0], readers))


def _await(what: list[int | Connection], processes: Sequence[ForkProcess]) -> None:
    """Until `what` can be read. Raises RuntimeError if a process ends before."""
    if not set(wait([*what, *(process.sentinel for process in processes)])).intersection(what):
        raise RuntimeError("a process of the servers failed; what it says is above")


def _serve(make: Callable[[], Ask], first_seed: int, threads: int, queue: _Queue, sender: Connection) -> None:
    ask = make()
    sender.send("ready")
    with ThreadPoolExecutor(threads) as pool:
        served = pool.map(
            lambda seed: _answer(ask, random.Random(seed), queue), range(first_seed, first_seed + threads)
        )
    sender.send([one for times in served for one in times])


def _answer(ask: Ask, chance: random.Random, queue: _Queue) -> list[float]:
    times: list[float] = []
    while True:
        asked_ns, until_ns = queue.next()
        if asked_ns == _GO_HOME:
            return times
        try:
            ask(chance)
        except BaseException:  # noqa: BLE001 - whatever it is, the others would wait for the answer for ever
            traceback.print_exc()
            os._exit(1)
        now_ns = time.monotonic_ns()
        times.append((now_ns - asked_ns) / 1e9)
        if now_ns < until_ns:
            queue.ask(now_ns, until_ns)
        else:
            queue.leave()
