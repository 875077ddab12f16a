"""Carries out a plan, each action as soon as those it depends on are done. Decides nothing.

Actions run in threads: engine calls are synchronous and spend their time in the kernel or in other programs. An action's outcome is kept
with it, so a dependent of a failed action never starts; after the first failure no new action starts, running ones end in order.
"""

from __future__ import annotations

import enum
import os
import threading
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from cais.engine.protocol import ContainerSpec, Engine
from cais.errors import CaisError, Conflict, InternalError, Span
from cais.events import EventSink, Phase, ResourceEvent
from cais.project import actions, hooks
from cais.project.actions import Action, Plan
from cais.project.ahead import Ahead

CANCEL_CHECK_S = 0.2  # a signal handler cannot notify a condition; this bounds how long Ctrl-C goes unnoticed

COMMAND_CHARS = 40


BUSY = 2
"""How many containers are created at a time, for each processor. Creating is work for the interpreter, which does one thing at a time:
those that come first in the plan, for which the others wait, should not share it with all."""


class Result(enum.Enum):
    """What came of an action."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


class PlanOutcome(msgspec.Struct, frozen=True):
    """What came of each action, by its index in the plan, and the errors in the order they happened."""

    results: Mapping[int, Result]
    errors: tuple[CaisError, ...] = ()

    def check(self) -> None:
        """Raise the first error, if any."""
        if self.errors:
            raise self.errors[0]


class Waiter(Protocol):
    """Waits for a service's condition by event; told of every container that was created, started, stopped or removed."""

    def changed(self, container_id: str) -> None:
        """A container changed state by our hand."""

    def wait(self, action: actions.Await, cancelled: Callable[[], bool]) -> None:
        """Return when the condition holds; raises ServiceFailed when it cannot any more."""


def execute(
    plan: Plan,
    engine: Engine,
    waiter: Waiter,
    events: EventSink,
    *,
    cancelled: Callable[[], bool] = lambda: False,
    place_of: Callable[[Action, CaisError], Span | None] = lambda _action, _error: None,
) -> PlanOutcome:
    """Run `plan`; `cancelled` is asked before each action starts (Ctrl-C), `place_of` for the line that an error is about."""
    return _Execution(plan, _Performer(engine, waiter, events, cancelled), cancelled, place_of).run()


class _Execution:
    """The state of one run: which actions are pending, running, over. Owned by the thread that calls `run`."""

    def __init__(
        self,
        plan: Plan,
        perform: _Performer,
        cancelled: Callable[[], bool],
        place_of: Callable[[Action, CaisError], Span | None],
    ) -> None:
        self._plan = plan
        self._perform = perform
        self._cancelled = cancelled
        self._place_of = place_of
        self._results: dict[int, Result] = {}
        self._errors: list[CaisError] = []
        self._running: set[int] = set()
        self._creating = 0
        self._may_create = BUSY * (os.cpu_count() or 1)
        self._later = _made_for_later(plan)
        self._begun: set[str] = set()
        self._changed = threading.Condition()
        self._ahead = Ahead(perform.arm, perform.disarm, self._changed)

    def run(self) -> PlanOutcome:
        try:
            with self._changed:
                while len(self._results) < len(self._plan.actions):
                    self._start_ready()
                    if self._only_waits_are_left():
                        break
                    self._make_ahead()
                    if self._running:
                        self._changed.wait(CANCEL_CHECK_S)
        finally:
            self._ahead.end(self._begun)
        return PlanOutcome(dict(self._results), tuple(self._errors))

    def _make_ahead(self) -> None:
        """While all that goes on is waiting, what waits is made ready."""
        if all(isinstance(self._plan.actions[index], actions.Await) for index in self._running):
            self._ahead.begin(_only_waiting(self._plan, self._results, self._running))

    def _only_waits_are_left(self) -> bool:
        """Whether we are stopping and all that still runs is waiting: waits have nothing to bring to an end."""
        stopping = bool(self._errors) or self._cancelled()
        return stopping and all(isinstance(self._plan.actions[index], actions.Await) for index in self._running)

    def _start_ready(self) -> None:
        for index, action in enumerate(self._plan.actions):
            if index in self._results or index in self._running:
                continue
            before = [self._results.get(other) for other in action.after]
            stopping = bool(self._errors) or self._cancelled()
            if stopping or Result.FAILED in before or Result.SKIPPED in before:
                self._results[index] = Result.SKIPPED
            elif all(result is Result.DONE for result in before) and not self._must_queue(index, action):
                self._running.add(index)
                self._creating += isinstance(action, actions.CreateContainer)
                threading.Thread(target=self._work, args=(index, action), name=action.line(), daemon=True).start()

    def _must_queue(self, index: int, action: Action) -> bool:
        """Whether enough containers are being created already, or this one is for later and others can be started now."""
        if not isinstance(action, actions.CreateContainer):
            return False
        return self._creating >= self._may_create or (index in self._later and self._is_starting())

    def _is_starting(self) -> bool:
        at_work = (self._plan.actions[index] for index in self._running - self._later)
        return any(
            isinstance(action, actions.CreateContainer)
            or (isinstance(action, actions.StartContainer) and action.name not in self._begun)
            for action in at_work
        )

    def _note_begun(self, name: str) -> None:
        """The container's process runs; the supervisor is still to be told, and that one may only just be starting itself."""
        with self._changed:
            self._begun.add(name)
            self._changed.notify_all()

    def _work(self, index: int, action: Action) -> None:
        error: CaisError | None = None
        try:
            self._perform(action, self._note_begun)
        except CaisError as failure:
            failure.span = failure.span or self._place_of(action, failure)
            error = failure
        except Exception as failure:  # noqa: BLE001  # a thread must report, or the plan would hang; shown as a bug
            error = InternalError(f"{action.line()}: {type(failure).__name__}: {failure}")
            error.__cause__ = failure
        with self._changed:
            self._running.discard(index)
            self._creating -= isinstance(action, actions.CreateContainer)
            self._results[index] = Result.FAILED if error else Result.DONE
            if error is not None:
                self._errors.append(error)
            self._changed.notify_all()


def _made_for_later(plan: Plan) -> frozenset[int]:
    """The containers that are created before they can be started, because they wait for others: creating them can wait too."""
    starts = (action for action in plan.actions if isinstance(action, actions.StartContainer))
    waiting = {one.name for one in starts if any(isinstance(plan.actions[i], actions.Await) for i in one.after)}
    return frozenset(
        index
        for index, action in enumerate(plan.actions)
        if isinstance(action, actions.CreateContainer) and action.spec.name in waiting
    )


def _only_waiting(plan: Plan, results: Mapping[int, Result], running: set[int]) -> tuple[str, ...]:
    """The containers that are there and whose start waits for nothing but others' conditions."""
    found = []
    for index, action in enumerate(plan.actions):
        if isinstance(action, actions.StartContainer) and index not in results and index not in running:
            left = [i for i in action.after if results.get(i) is not Result.DONE]
            if all(isinstance(plan.actions[i], actions.Await) for i in left):
                found.append(action.name)
    return tuple(found)


class _Performer:
    """Does one action and tells of it in Docker Compose's words."""

    def __init__(self, engine: Engine, waiter: Waiter, events: EventSink, cancelled: Callable[[], bool]) -> None:
        self._engine = engine
        self._waiter = waiter
        self._events = events
        self._cancelled = cancelled

    def __call__(self, action: Action, begun: Callable[[str], None]) -> None:
        """`begun` is told the name of a container whose process runs."""
        match action:
            case actions.CreateNetwork():
                self._tell(
                    "Network", action.spec.name, "Creat", action, lambda: self._engine.ensure_network(action.spec)
                )
            case actions.CreateVolume():
                self._tell("Volume", action.spec.name, "Creat", action, lambda: self._engine.ensure_volume(action.spec))
            case actions.CreateContainer():
                self._tell("Container", action.spec.name, "Creat", action, lambda: self._create(action.spec))
            case actions.StartContainer():
                self._tell("Container", action.name, "Start", action, lambda: self._start(action.name, begun))
            case actions.StopContainer():
                self._stop(action)
            case actions.RemoveContainer():
                self._tell("Container", action.name, "Remov", action, lambda: self._remove(action))
            case actions.RemoveNetwork():
                self._tell("Network", action.name, "Remov", action, lambda: self._engine.remove_network(action.name))
            case actions.RemoveVolume():
                self._tell("Volume", action.name, "Remov", action, lambda: self._engine.remove_volume(action.name))
            case actions.Await():
                self._waiter.wait(action, self._cancelled)
            case _:
                raise InternalError(f"no way to perform {type(action).__name__}")

    def _tell(self, kind: str, name: str, verb: str, action: Action, work: Callable[[], object]) -> None:
        self._emit(kind, name, Phase.WORKING, f"{verb}ing", action.cause)
        try:
            work()
        except BaseException as error:
            self._emit(kind, name, Phase.ERROR, "Error", str(error))
            raise
        self._emit(kind, name, Phase.DONE, f"{verb}ed", action.cause)

    def _emit(self, kind: str, name: str, phase: Phase, status: str, detail: str) -> None:
        self._events.emit(ResourceEvent(kind=kind, name=name, phase=phase, status=status, detail=detail))

    def _create(self, spec: ContainerSpec) -> None:
        try:
            self._engine.create(spec)
        except Conflict:
            # Another command that brings the same project up may have been faster.
            there = self._engine.container(spec.name)
            mine = (spec.project, spec.config_hash, spec.image_id)
            if there is None or (there.spec.project, there.spec.config_hash, there.spec.image_id) != mine:
                raise

    def arm(self, name: str) -> None:
        """Make the start of a container ahead, as far as that goes."""
        container = self._engine.container(name)
        if container is not None:
            self._engine.arm(container.id)

    def disarm(self, name: str) -> None:
        """Its start will not come."""
        container = self._engine.container(name)
        if container is not None:
            self._engine.disarm(container.id)

    def _start(self, name: str, begun: Callable[[str], None]) -> None:
        container = self._engine.container(name)
        if container is None:
            raise InternalError(f'container "{name}" is gone before it was started')
        self._engine.start(container.id)
        begun(name)
        self._waiter.changed(container.id)
        if not container.pid:  # else another command has started it, and runs its hooks
            hooks.run(self._engine, container, "post_start", container.spec.post_start, self._events)

    def _stop(self, action: actions.StopContainer) -> None:
        self._emit("Container", action.name, Phase.WORKING, "Stopping", action.cause)
        self._run_pre_stop(action)
        outcome = self._engine.stop(action.id, timeout_s=action.timeout_s)
        self._waiter.changed(action.id)
        detail = ""
        if outcome.killed and action.timeout_s != 0:
            who = _shortened(outcome.ignored_by or "its process")
            detail = f"stop took {outcome.elapsed_s:.1f} s: {who} ignored {outcome.signal} and was killed"
        self._emit("Container", action.name, Phase.DONE, "Stopped", detail)

    def _run_pre_stop(self, action: actions.StopContainer) -> None:
        container = self._engine.container(action.id)
        if container is None or not container.pid:
            return
        asked = container.spec.pre_stop if action.hooks is None else action.hooks
        try:
            hooks.run(self._engine, container, "pre_stop", asked, self._events)
        except CaisError as error:
            self._emit("Container", action.name, Phase.ERROR, "Error", str(error))
            raise

    def _remove(self, action: actions.RemoveContainer) -> None:
        found = None if action.id else self._engine.container(action.name)
        container_id = found.id if found is not None else action.id
        if container_id:
            self._engine.remove(container_id, force=action.force, volumes=action.volumes)
            self._waiter.changed(container_id)


def _shortened(command: str) -> str:
    """A command line that leaves room for what is said about it."""
    return command if len(command) <= COMMAND_CHARS else f"{command[: COMMAND_CHARS - 1]}…"
