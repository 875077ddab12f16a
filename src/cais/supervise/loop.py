"""The supervisor: keeps the containers of one project as `keeper` decides, until nothing is left to keep."""

from __future__ import annotations

import asyncio
import functools
import os
import sqlite3
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TypeVar

from cais.clock import Clock
from cais.engine.protocol import ContainerState, Engine, Health, ProbeResult
from cais.errors import CaisError
from cais.supervise import keeper
from cais.supervise.audience import Audience
from cais.supervise.clerk import Clerk
from cais.supervise.events import SupervisorEvent
from cais.supervise.exits import ExitWatch
from cais.supervise.goals import Goal, WaitEnd, WaitOutcome, outcome
from cais.supervise.keeper import Seen
from cais.supervise.kept import (
    Kept,
    Moment,
    Phase,
    Publish,
    RecordHealth,
    RecordRestart,
    RunProbe,
    Settle,
    Start,
    Step,
    Stop,
    Turn,
    Unwatch,
    Watch,
)
from cais.supervise.workers import Workers

CALL_THREADS = 12  # engine calls under way at once; they may wait for a lock that a command holds
START_GRACE_S = 3.0  # at the end, for a start under way
PROBE_THREADS = 24  # probes under way at once; each may hang for its timeout
UPKEEP_S = 5.0
AFTER_MISTAKE_S = 1.0
CANNOT_PROBE = 126  # exit code of a probe that could not be run
PROBE_OUTPUT_CHARS = 4_096

LISTEN_S = 0.004  # between two looks at what a starting service listens on, growing with its age
LISTEN_GROWTH = 0.01

T = TypeVar("T")
Listening = Callable[[int], frozenset[bytes] | None]
"""What the network namespace of a pid listens on; None when the process is gone."""
LogWatch = Callable[[str, int], None]
"""Has so many files of a running container's log kept."""


class Supervisor:
    """All of a project's containers. Every method is called in the event loop; the engine's calls run in threads.

    Calls about one container never overlap (its lane), except probes and stops, which may take long.
    """

    def __init__(
        self,
        engine: Engine,
        project: str,
        clock: Clock,
        clerk: Clerk,
        exits: ExitWatch,
        *,
        booted_at: float = 0.0,
        listening: Listening | None = None,
        log_watch: LogWatch | None = None,
    ) -> None:
        self._engine = engine
        self._listening = listening
        self._log_watch = log_watch
        self._project = project
        self._clock = clock
        self._clerk = clerk
        self._exits = exits
        self._booted_at = booted_at
        self._kept: dict[str, Kept] = {}
        self._turns: dict[str, int] = {}
        self._lanes: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._calls = Workers("call", CALL_THREADS)
        self._probes = Workers("probe", PROBE_THREADS)
        self._seen: Mapping[str, Seen] = {}
        self._processors = os.cpu_count() or 1
        self._upkeep_due: float | None = None
        self.audience = Audience()
        self.changed = asyncio.Event()

    # --- asked from outside ----------------------------------------------------------------------------------------

    async def adopt(self) -> None:
        """Take up all containers of the project, as an earlier supervisor or none left them."""
        self._seen = await self._clerk.seen()
        await self.refresh()
        self._seen = {}

    async def refresh(self, container_ids: Sequence[str] = ()) -> None:
        """Look at these containers (all when empty); returns when what they are is taken into account."""
        if container_ids:
            await asyncio.gather(*(self._look(container_id) for container_id in container_ids))
        else:
            await self._look_at_all()
        await self._renew_hold()

    async def wait(
        self, container_id: str, goal: Goal, timeout_s: float | None, max_restarts: int | None = None
    ) -> WaitOutcome:
        """Wait for the goal; see `channel.Client.wait`."""
        await self._look(container_id)
        kept = self._kept.get(container_id)
        if kept is None:
            return WaitOutcome(end=WaitEnd.REMOVED, container_id=container_id)
        ended = await self.audience.wait(kept, goal, timeout_s, max_restarts)
        return ended or outcome(self._kept.get(container_id, kept), WaitEnd.DEADLINE)

    @property
    def is_needed(self) -> bool:
        """Whether a container runs, or is to run again."""
        return any(kept.phase is not Phase.IDLE for kept in self._kept.values())

    def kept(self, container_id: str) -> Kept | None:
        """What is known of a container."""
        return self._kept.get(container_id)

    async def close(self) -> None:
        """End: containers are left as they are, threads that hang are left behind, events are saved."""
        if self._timer is not None:
            self._timer.cancel()
        for container_id in self._kept:
            self._exits.unwatch(container_id)
        self.audience.dismiss()
        if any(kept.phase is Phase.STARTING for kept in self._kept.values()):
            await asyncio.wait(tuple(self._tasks), timeout=START_GRACE_S)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._clerk.close()

    # --- facts -----------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Do what is due."""
        try:
            self._do_due(self._moment())
        except Exception as error:  # noqa: BLE001 - a mistake of ours about one container must not end the clock of all
            self._clerk.note("clock", error)
            self._timer = asyncio.get_running_loop().call_later(AFTER_MISTAKE_S, self.tick)
        else:
            self._rearm()

    def _do_due(self, moment: Moment) -> None:
        for container_id in tuple(self._kept):
            while (kept := self._kept[container_id]).due is not None and kept.due <= moment.monotonic:
                self._apply(container_id, keeper.due(kept, moment), rearm=False)
        if self._upkeep_due is not None and self._upkeep_due <= moment.monotonic:
            self._upkeep_due = moment.monotonic + UPKEEP_S
            self._spawn(self._clerk.look_after())

    def _learn(self, state: ContainerState) -> None:
        """The engine's word on a container, known or not."""
        if state.spec.project != self._project:
            return
        kept = self._kept.get(state.id)
        if kept is None:
            seen = self._seen.get(state.id)
            turn = keeper.meet(state, self._moment(), seen=seen, booted_at=self._booted_at)
        else:
            turn = keeper.observe(kept, state, self._moment())
        self._apply(state.id, turn)

    def _forget(self, container_id: str) -> None:
        """The engine does not know the container any more."""
        kept = self._kept.get(container_id)
        if kept is None:
            return
        self._apply(container_id, keeper.removed(kept, self._moment()))
        self.audience.bury(kept)
        del self._kept[container_id]
        self._turns.pop(container_id, None)
        self._lanes.pop(container_id, None)
        self._rearm()

    def _process_gone(self, container_id: str, run: int) -> None:
        kept = self._kept.get(container_id)
        if kept is not None:
            self._apply(container_id, keeper.process_gone(kept, run))

    # --- doing -----------------------------------------------------------------------------------------------------

    def _apply(self, container_id: str, turn: Turn, *, rearm: bool = True) -> None:
        """Keep what the turn says and take its steps."""
        self._kept[container_id] = turn.kept
        self._turns[container_id] = self._turns.get(container_id, 0) + 1
        for step in turn.steps:
            self._do(container_id, step)
        self.audience.show(turn.kept)
        self.changed.set()
        if rearm:
            self._rearm()

    def _do(self, container_id: str, step: Step) -> None:
        match step:
            case Watch(pid, run):
                self._exits.watch(container_id, pid, functools.partial(self._process_gone, container_id, run))
                self._watch_log(container_id, self._kept[container_id].state.spec.log.max_files)
                if self._listening is not None:
                    self._spawn(self._listen(container_id, pid, run, self._listening))
            case Unwatch():
                self._exits.unwatch(container_id)
            case Publish(event):
                self._publish(event)
            case _:
                self._spawn(self._guard(container_id, step))

    def _watch_log(self, container_id: str, max_files: int) -> None:
        if self._log_watch is None or max_files < 2:
            return
        try:
            self._log_watch(container_id, max_files)
        except OSError as error:  # then one file is kept, which conmon sees to
            self._clerk.note(container_id, error)

    async def _take(self, container_id: str, step: Step) -> None:
        """The steps that need the engine."""
        engine = self._engine
        match step:
            case Settle():
                await self._settle(container_id)
            case Start():
                await self._start(container_id)
            case Stop():
                await self._stop(container_id)
            case RunProbe():
                await self._probe(container_id, step)
            case RecordHealth(health, streak, probe):
                await self._in_lane(container_id, lambda: engine.record_health(container_id, health, streak, probe))
            case RecordRestart(count, waiting):
                await self._in_lane(container_id, lambda: engine.record_restart(container_id, count, waiting=waiting))

    async def _settle(self, container_id: str) -> None:
        state = await self._in_lane(container_id, functools.partial(self._engine.settle, container_id))
        kept = self._kept.get(container_id)
        if kept is not None:
            self._apply(container_id, keeper.settled(kept, state, self._moment()))
            await self._renew_hold()  # one that stays down has let go of its ports

    async def _start(self, container_id: str) -> None:
        call = functools.partial(self._engine.start, container_id, automatic=True)
        state = await self._in_lane(container_id, call)
        kept = self._kept.get(container_id)
        if kept is not None:
            self._apply(container_id, keeper.started(kept, state, self._moment()))
            await self._renew_hold()

    async def _stop(self, container_id: str) -> None:
        """Outside the lane: it takes as long as the container's grace period."""
        await self._calls.run(functools.partial(self._engine.stop, container_id, manual=False))
        await self._settle(container_id)

    async def _probe(self, container_id: str, step: RunProbe) -> None:
        result, took_s = await self._probes.run(functools.partial(self._run_probe, container_id, step))
        kept = self._kept.get(container_id)
        if kept is None:
            return
        starting = sum(1 for other in self._kept.values() if other.health is Health.STARTING)
        crowding = starting / (2 * self._processors)
        turn = keeper.probed(kept, step.run, result, self._moment(), took_s=took_s, crowding=crowding)
        self._apply(container_id, turn)

    def _run_probe(self, container_id: str, step: RunProbe) -> tuple[ProbeResult, float]:
        """In a thread. A probe that cannot be run is a probe that failed."""
        began, epoch = self._clock.monotonic(), self._clock.now()
        try:
            result = self._engine.probe(container_id, step.argv, step.timeout_s)
        except (CaisError, OSError) as error:
            text = str(error)[:PROBE_OUTPUT_CHARS]
            result = ProbeResult(began=epoch, ended=self._clock.now(), exit_code=CANNOT_PROBE, output=text)
        return result, self._clock.monotonic() - began

    async def _listen(self, container_id: str, pid: int, run: int, listening: Listening) -> None:
        """While a service with a health check starts: have it probed as soon as it listens somewhere new."""
        known: frozenset[bytes] = frozenset()
        while (kept := self._kept.get(container_id)) is not None and kept.run == run and _is_listened_for(kept):
            found = listening(pid)
            if found is None:
                return
            if found - known or kept.heard is None:
                self._apply(container_id, keeper.heard(kept, self._moment(), something=bool(found - known)))
            known |= found
            starting = sum(1 for other in self._kept.values() if other.health is Health.STARTING)
            age_s = max(0.0, self._clock.monotonic() - kept.began)
            await asyncio.sleep(max(LISTEN_S, age_s * LISTEN_GROWTH) * max(1.0, starting / (2 * self._processors)))

    # --- looking ---------------------------------------------------------------------------------------------------

    async def _look(self, container_id: str) -> None:
        """Ask the engine about one container, in its lane."""
        state = await self._in_lane(container_id, functools.partial(self._engine.container, container_id))
        if state is None:
            self._forget(container_id)
        else:
            self._learn(state)

    async def _look_at_all(self) -> None:
        """Ask about all at once; those about which something happened in the meantime again, one by one."""
        turns = dict(self._turns)
        states = await self._calls.run(functools.partial(self._engine.containers, self._project))
        there = {state.id: state for state in states}
        again = []
        for container_id in (*there, *(known for known in tuple(self._kept) if known not in there)):
            lane = self._lanes.get(container_id)
            if (lane is not None and lane.locked()) or self._turns.get(container_id) != turns.get(container_id):
                again.append(self._look(container_id))
            elif container_id in there:
                self._learn(there[container_id])
            else:
                self._forget(container_id)
        await asyncio.gather(*again)

    async def _is_gone(self, container_id: str) -> bool:
        try:
            return await self._calls.run(functools.partial(self._engine.container, container_id)) is None
        except (CaisError, OSError, sqlite3.Error):  # then nobody knows
            return False

    async def _renew_hold(self) -> None:
        ports = frozenset((kept.state.id, kept.state.ports) for kept in self._kept.values() if kept.state.ports)
        await self._clerk.renew_hold(ports)

    # --- under it --------------------------------------------------------------------------------------------------

    async def _in_lane(self, container_id: str, call: Callable[[], T]) -> T:
        """The result of `call()`, run in a thread after all earlier calls about the container."""
        async with self._lanes.setdefault(container_id, asyncio.Lock()):
            return await self._calls.run(call)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, container_id: str, step: Step) -> None:
        """An error in one container's handling never ends the loop: it is told and written down."""
        try:
            await self._take(container_id, step)
        except Exception as error:  # noqa: BLE001 - reported, and the other containers are kept
            await self._failed(container_id, step, error)

    async def _failed(self, container_id: str, step: Step, error: Exception) -> None:
        if await self._is_gone(container_id):
            self._forget(container_id)
            return
        kept = self._kept.get(container_id)
        if kept is not None:
            self._clerk.note(kept.state.name, error)
            message = str(error) or type(error).__name__
            self._apply(container_id, keeper.failed(kept, step, message, self._moment()))

    def _moment(self) -> Moment:
        return Moment(self._clock.now(), self._clock.monotonic())

    def _rearm(self) -> None:
        """One timer, for the first thing that is due."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._clerk.has_upkeep or not self.is_needed:
            self._upkeep_due = None
        elif self._upkeep_due is None:
            self._upkeep_due = self._clock.monotonic()
        moments = [kept.due for kept in self._kept.values()] + [self._upkeep_due]
        first = min((moment for moment in moments if moment is not None), default=None)
        if first is not None:
            delay_s = max(0.0, first - self._clock.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self.tick)

    def _publish(self, event: SupervisorEvent) -> None:
        self.audience.tell(event)
        self._clerk.keep(event)


def _is_listened_for(kept: Kept) -> bool:
    """Whether it says something that it listens."""
    return kept.health is Health.STARTING and kept.phase is Phase.RUNNING and keeper.can_be_heard(kept.state)
