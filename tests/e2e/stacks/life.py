"""How services end and come back, as every stack's tests look at it."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.e2e.harness import Cais, until
from tests.e2e.stacks.stack import Stack

STOP_S = 2.0


def quickest(stop: Callable[[], float], stack: Stack) -> float:
    """The best of three times in seconds: other programs may keep the machine busy."""
    taken = []
    for _ in range(3):
        taken.append(stop())
        if taken[-1] < STOP_S:
            break
        stack.up()
    return min(taken)


def kill_and_wait(stack: Stack, service: str, is_serving: Callable[[], bool]) -> None:
    """`kill -9` of the service's first process; the same container is back, serving and healthy."""
    old = stack.cais.container(service)
    os.kill(old["Pid"], signal.SIGKILL)
    until(lambda: stack.cais.container(service)["Pid"] not in {0, old["Pid"]} and is_serving())
    new = stack.cais.container(service)
    assert new["ID"] == old["ID"]
    assert new["RestartCount"] > old["RestartCount"]
    until(lambda: stack.cais.container(service)["Health"] == "healthy")


def processes_beside(pid: int) -> list[int]:
    """Every process of the container whose PID 1 is `pid`."""
    space = Path(f"/proc/{pid}/ns/pid").readlink()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "ns/pid").readlink() == space:
                found.append(int(entry.name))
        except OSError:  # it ended meanwhile
            continue
    return found


@contextlib.contextmanager
def frozen(cais: Cais, service: str) -> Iterator[None]:
    """Every process of the service's container stands still: it takes connections and does not answer."""
    processes = processes_beside(cais.container(service)["Pid"])
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)
