"""The three-tier stack: `up`, what one does while it is up, a crash, `down`."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from bench import probe, processes
from bench.floor import Floor, Images, floor
from bench.lab import DATABASE, STACK_PORTS, Lab, leaving_nothing, password
from bench.model import Figure, Round, Row, Side
from bench.scenarios.protocol import Rounds, Scenario
from bench.tools import Project

GUNICORN = "app:create_app()"
BACKEND_PORT = 8000
SETTLE_S = 0.5

ROWS = (
    Row(key="up", title="`up -d --wait`, from nothing to all healthy; data volume present"),
    Row(key="up-again", title="`up -d` when all is up"),
    Row(key="ps", title="`ps`"),
    Row(key="config", title="`config`"),
    Row(key="version", title="`version`"),
    Row(key="exec", title="`exec -T backend true`"),
    Row(key="restart", title="`restart backend` until the API answers through nginx"),
    Row(key="crash", title="`kill -9` of the backend until the API answers; floor: its own start-up time"),
    Row(key="crash-busy", title="the same, asked every 2 ms meanwhile"),
    Row(key="down", title="`down`"),
)


class Step(msgspec.Struct, frozen=True):
    """What is done `times` times while the stack is up."""

    key: str
    act: Callable[[], float]
    times: int = 1


class ComposeStack:
    """The stack under Cais or Docker Compose."""

    def __init__(self, project: Project) -> None:
        self._project = project
        side = project.tool.side
        self._mark = password(side)
        self._api = probe.Target(STACK_PORTS[side], "/api/visitors", project.tool.place.network)

    def steps(self) -> tuple[Step, ...]:
        """In the order they are done. A restart lies between the crashes: the second would meet the back-off of the first."""
        run = self._project.seconds
        return (
            Step("up-again", lambda: run("up", "-d"), 2),
            Step("ps", lambda: run("ps"), 3),
            Step("config", lambda: run("config"), 3),
            Step("version", lambda: run("version"), 3),
            Step("exec", lambda: run("exec", "-T", "backend", "true"), 3),
            Step("crash", self._crash),
            Step("restart", self._restart),
            Step("crash-busy", self._crash_while_asked),
        )

    def up(self) -> float:
        """From nothing to all healthy."""
        return self._project.seconds("up", "-d", "--wait")

    def down(self) -> float:
        """Stop and remove; the volume stays."""
        return self._project.seconds("down")

    def _restart(self) -> float:
        began = time.perf_counter()
        self._project.run("restart", "backend")
        probe.until(lambda: probe.serves(self._api), "the API")
        seconds = time.perf_counter() - began
        time.sleep(SETTLE_S)
        return seconds

    def _crash(self) -> float:
        """No request is on the way until the new process listens: what a visitor sees who comes a moment later."""
        began, known = self._kill()
        probe.until(lambda: self._new_listener(known), "the backend")
        probe.until(lambda: probe.serves(self._api), "the API")
        return time.perf_counter() - began

    def _crash_while_asked(self) -> float:
        began, _ = self._kill()
        probe.until(lambda: probe.serves(self._api), "the API")
        return time.perf_counter() - began

    def _kill(self) -> tuple[float, set[int]]:
        """Kill the backend's first process and wait until it is gone; the moment of the signal, and the processes there were."""
        pid = self._project.main_pid("backend")
        watched = os.pidfd_open(pid)
        try:
            known = processes.pids()
            began = time.perf_counter()
            signal.pidfd_send_signal(watched, signal.SIGKILL)
            # Its workers end with its PID namespace, before it is reported dead: nothing old answers from here on.
            probe.until(lambda: processes.ended(watched), "the killed backend")
            return began, known
        finally:
            os.close(watched)

    def _new_listener(self, known: set[int]) -> bool:
        fresh = processes.pids() - known
        found = processes.having(environ=self._mark, cmdline=GUNICORN, among=fresh)
        return any(processes.listens(pid, BACKEND_PORT) for pid in found[:1])


class FloorStack:
    """The stack's servers by hand: only what has a meaning without a tool."""

    def __init__(self, servers: Floor) -> None:
        self._servers = servers
        self.up = servers.up
        self.down = servers.down

    def steps(self) -> tuple[Step, ...]:
        """A restart, and the start-up time that a crash costs at least."""
        return (Step("crash", self._servers.backend_start_up), Step("restart", self._servers.restart_backend))


def _round(stack: ComposeStack | FloorStack) -> Round:
    def go(wanted: frozenset[str]) -> Iterator[Figure]:
        yield "up", stack.up()
        for step in stack.steps():
            if step.key in wanted:
                for _ in range(step.times):
                    yield step.key, step.act()
        yield "down", stack.down()

    return go


@contextmanager
def _open(lab: Lab) -> Iterator[Rounds]:
    with contextlib.ExitStack() as opened:
        rounds: dict[Side, Round] = {}
        # Cais first: it makes the images that Docker and the floor are given. The data volume is made in the warm-up.
        for tool in lab.tools:
            rounds[tool.side] = _round(ComposeStack(opened.enter_context(leaving_nothing(lab.stack(tool)))))
        servers = opened.enter_context(floor(stack_images(lab), lab.folder("floor"), lab.env))
        rounds[Side.FLOOR] = _round(FloorStack(servers))
        yield rounds


def stack_images(lab: Lab) -> Images:
    """The images the floor runs: the same Cais runs."""
    return Images(
        database=lab.image(DATABASE),
        backend=lab.image("visitors-backend"),
        frontend=lab.image("visitors-frontend"),
    )


SCENARIO = Scenario(name="stack", rows=ROWS, open=_open)
