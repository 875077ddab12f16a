"""A supervisor over the fake engine: time stands still unless `pass_time`, and every step returns when all is done."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from tests.fakes.engine import FakeEngine

from cais.database import Database
from cais.engine.protocol import ContainerSpec, ContainerState, ProbeSpec, RestartMode, RestartPolicy
from cais.supervise.audience import Listener
from cais.supervise.clerk import Clerk, Hold, Upkeep
from cais.supervise.events import SupervisorEvent
from cais.supervise.goals import Goal, WaitOutcome
from cais.supervise.history import History
from cais.supervise.journal import Journal
from cais.supervise.loop import Supervisor

PROJECT = "demo"
ALWAYS = RestartPolicy(RestartMode.ALWAYS)
CHECK = ProbeSpec(test=("CMD", "check"), interval_s=5.0, timeout_s=2.0, retries=3)


class FakeExits:
    """Hears of exits from the fake engine; one that was before the watch is told at once, as by a pidfd."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine
        self._watched: dict[str, tuple[int, Callable[[], None]]] = {}
        self.loop = asyncio.get_running_loop()
        engine.on_exit(self._told)

    def watch(self, container_id: str, pid: int, gone: Callable[[], None]) -> None:
        state = self._engine.container(container_id)
        if state is None or state.pid != pid:
            self.loop.call_soon(gone)
        else:
            self._watched[container_id] = (pid, gone)

    def unwatch(self, container_id: str) -> None:
        self._watched.pop(container_id, None)

    def _told(self, container_id: str, pid: int) -> None:
        if not self.loop.is_closed():  # the engine outlives the supervisor
            self.loop.call_soon_threadsafe(self._gone, container_id, pid)

    def _gone(self, container_id: str, pid: int) -> None:
        watched = self._watched.get(container_id)
        if watched is not None and watched[0] == pid:
            del self._watched[container_id]
            watched[1]()


class Scene:
    def __init__(self, engine: FakeEngine, supervisor: Supervisor, history: History) -> None:
        self.engine = engine
        self.supervisor = supervisor
        self.history = history
        self.listener: Listener = supervisor.audience.listen()

    def create(self, name: str, **more: object) -> ContainerState:
        return create(self.engine, name, **more)

    async def run(self, name: str, **more: object) -> ContainerState:
        """Create and start as a command does."""
        state = self.engine.start(self.create(name, **more).id)
        await self.supervisor.refresh([state.id])
        await self.quiet()
        return state

    def state(self, name: str) -> ContainerState:
        state = self.engine.container(name)
        assert state is not None
        return state

    async def quiet(self) -> None:
        """Until nothing is under way."""
        await asyncio.sleep(0)
        while tasks := tuple(self.supervisor._tasks):
            await asyncio.wait(tasks)
            await asyncio.sleep(0)
        await self.supervisor._clerk.saved()

    async def pass_time(self, seconds: float, step_s: float = 0.05) -> None:
        """Move the clock in small steps; what falls due is done before the next."""
        for _ in range(round(seconds / step_s)):
            self.engine.clock.advance(step_s)
            await asyncio.sleep(0)
            self.supervisor.tick()
            await self.quiet()

    async def exit(self, name: str, exit_code: int) -> None:
        self.engine.exit(name, exit_code)
        await self.quiet()

    async def wait(self, state: ContainerState, goal: Goal, **more: object) -> asyncio.Task[WaitOutcome]:
        """A wait that the supervisor has noted."""
        task = asyncio.create_task(self.supervisor.wait(state.id, goal, None, **more))  # type: ignore[arg-type]
        while not (task.done() or self.supervisor.audience._waiters.get(state.id)):  # noqa: ASYNC110 - turns of the loop, not time
            await asyncio.sleep(0)
        return task

    def told(self) -> list[SupervisorEvent]:
        """The events since the last call."""
        events = []
        while not self.listener.queue.empty():
            event = self.listener.queue.get_nowait()
            assert event is not None
            events.append(event)
        return events

    def kinds(self) -> list[str]:
        return [str(event.__struct_config__.tag) for event in self.told()]


def create(engine: FakeEngine, name: str, **more: object) -> ContainerState:
    spec = ContainerSpec(name=name, image_id="sha256:0", image_reference="x", project=PROJECT, service=name, **more)  # type: ignore[arg-type]
    return engine.create(spec)


@contextlib.asynccontextmanager
async def scene(
    folder: Path, engine: FakeEngine, *, booted_at: float = 0.0, hold: Hold | None = None, upkeep: Upkeep | None = None
) -> AsyncIterator[Scene]:
    """A supervisor that has adopted what is in `engine`."""
    history = History(Database(str(folder / "cais.db")), PROJECT)
    clerk = Clerk(engine.clock, history, Journal(str(folder / "log")), hold=hold, upkeep=upkeep)
    exits = FakeExits(engine)
    supervisor = Supervisor(engine, PROJECT, engine.clock, clerk, exits, booted_at=booted_at)
    made = Scene(engine, supervisor, history)
    try:
        await supervisor.adopt()
        await made.quiet()
        yield made
    finally:
        await supervisor.close()
