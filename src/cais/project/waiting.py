"""Waits for a service's condition by the supervisor's events, and explains a wait that failed."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from typing import Protocol

from msgspec import structs

from cais.compose.model.service import Condition
from cais.engine.protocol import ContainerState, Engine
from cais.errors import CaisError, ServiceFailed, Span
from cais.events import EventSink, Phase, ResourceEvent
from cais.project.actions import Await
from cais.supervise.channel import Client, SupervisorLost
from cais.supervise.goals import Goal, WaitEnd, WaitOutcome

GOALS = {Condition.STARTED: Goal.STARTED, Condition.HEALTHY: Goal.HEALTHY, Condition.COMPLETED: Goal.COMPLETED}
HOLDS = {Condition.STARTED: "to be started", Condition.HEALTHY: "to be healthy", Condition.COMPLETED: "to complete"}
WORDS = {Condition.STARTED: "Running", Condition.HEALTHY: "Healthy", Condition.COMPLETED: "Exited"}
LOG_LINES = 15
PROVEN_S = 0.3
MAX_RESTARTS = 8
"""A container that crashed this often while it was waited for will not recover by being waited for longer (its back-offs add up to 13 s)."""


class Supervisor(Protocol):
    """Gives a client of the project's supervisor."""

    def existing(self) -> Client | None:
        """A client when a supervisor lives; none is started."""

    def client(self) -> Client:
        """A client; a supervisor is started when none lives."""

    def renew(self) -> Client:
        """A client of a new supervisor: the last one was lost."""


class SupervisedWaiter:
    """Implements `execute.Waiter`. `deadline` (monotonic) bounds all waits together; `place_of` gives the line of a service."""

    def __init__(
        self,
        engine: Engine,
        supervisor: Supervisor,
        events: EventSink,
        *,
        deadline: float | None = None,
        place_of: Callable[[str], Span | None] = lambda _service: None,
    ) -> None:
        self._engine = engine
        self._supervisor = supervisor
        self._events = events
        self._deadline = deadline
        self._place_of = place_of

    def changed(self, container_id: str) -> None:
        """Tell the supervisor; one is started when a container runs that nobody watches."""
        client = self._supervisor.existing()
        if client is None:
            container = self._engine.container(container_id)
            if container is None or not container.pid:
                return
            client = self._supervisor.client()
        try:
            client.refresh((container_id,))
        except SupervisorLost:
            self._supervisor.renew().refresh((container_id,))

    def wait(self, action: Await, cancelled: Callable[[], bool]) -> None:
        """Wait for every container of the service; see `execute.Waiter`."""
        for name in action.names:
            self._wait_for(action, name, cancelled)

    def _wait_for(self, action: Await, name: str, cancelled: Callable[[], bool]) -> None:
        container = self._engine.container(name)
        if container is None:
            raise ServiceFailed(f'container "{name}" is gone', span=self._place_of(action.service))
        hold = f"{action.cause}: waits for it {HOLDS[action.condition]}" if action.cause else HOLDS[action.condition]
        self._tell(name, Phase.WORKING, "Waiting", hold)
        outcome = self._outcome(container.id, GOALS[action.condition], cancelled)
        if outcome.reached and not action.cause and action.condition is Condition.HEALTHY and not container.spec.probe:
            outcome = self._after_a_while(outcome, cancelled)
        if outcome.reached:
            self._tell(name, Phase.DONE, WORDS[action.condition], "")
            return
        error = self._failure(action, container, outcome)
        if not action.required:
            self._tell(name, Phase.WARNING, "Optional", f"{error.message}; {action.cause}, but not as required")
            return
        self._tell(name, Phase.ERROR, "Error", error.message)
        raise error

    def _outcome(self, container_id: str, goal: Goal, cancelled: Callable[[], bool]) -> WaitOutcome:
        client = self._supervisor.client()
        while True:
            outcome = client.wait(container_id, goal, self._deadline, max_restarts=MAX_RESTARTS)
            if outcome.end is not WaitEnd.LOST or cancelled():
                return outcome
            client = self._supervisor.renew()

    def _after_a_while(self, running: WaitOutcome, cancelled: Callable[[], bool]) -> WaitOutcome:
        """Without a health check, a service is only taken to be up when its process has lived a little: many die at once.

        One that its restart policy starts again is waited for again, with the patience there is for crashes.
        """
        patience = running.restarts + MAX_RESTARTS
        while running.reached and not cancelled():
            client = self._supervisor.client()
            ended = client.wait(running.container_id, Goal.COMPLETED, deadline_after(PROVEN_S), max_restarts=0)
            if ended.end in {WaitEnd.DEADLINE, WaitEnd.LOST}:
                return running
            if ended.end is not WaitEnd.CRASHING or ended.restarts > patience:
                # To have ended well is no better here: it was to run.
                return structs.replace(ended, end=WaitEnd.EXITED if ended.reached else ended.end)
            running = self._outcome(running.container_id, Goal.RUNNING, cancelled)
        return running

    def _tell(self, name: str, phase: Phase, status: str, detail: str) -> None:
        self._events.emit(ResourceEvent(kind="Container", name=name, phase=phase, status=status, detail=detail))

    def _failure(self, action: Await, container: ContainerState, outcome: WaitOutcome) -> CaisError:
        message = _message(action, outcome)
        return ServiceFailed(
            message,
            span=self._place_of(action.service),
            hint=f"`cais logs {action.service}` shows all it wrote",
            details=(*_probe_lines(container, outcome), *self._log_lines(container)),
        )

    def _log_lines(self, container: ContainerState) -> tuple[str, ...]:
        from cais.project.logs import without_log  # only a failure needs it

        if silent := without_log((container,)):
            return silent
        lines = tuple(f"  {line.text}" for line in self._engine.logs(container.id, tail=LOG_LINES))
        return (f"last lines of {container.name}:", *lines) if lines else (f"{container.name} wrote nothing",)


def _message(action: Await, outcome: WaitOutcome) -> str:
    name = action.what or f'service "{action.service}"'
    reason = f" ({outcome.exit_reason})" if outcome.exit_reason else ""
    goal = {Condition.STARTED: "running", Condition.HEALTHY: "healthy", Condition.COMPLETED: "done"}[action.condition]
    match outcome.end:
        case WaitEnd.UNHEALTHY:
            return f"{name} is unhealthy: its health check failed {outcome.failing_streak} times in a row"
        case WaitEnd.EXITED:
            return f"{name} exited with code {outcome.exit_code}{reason} and is not {goal}"
        case WaitEnd.CRASHING:
            return f"{name} keeps crashing: {outcome.restarts} restarts, last exit code {outcome.exit_code}{reason}"
        case WaitEnd.REMOVED:
            return f"{name} was removed while it was waited for"
        case WaitEnd.DEADLINE:
            return f"{name} is not {goal} in the time that --wait-timeout gives"
        case _:
            return f"{name}: the supervisor was lost"


def _probe_lines(container: ContainerState, outcome: WaitOutcome) -> tuple[str, ...]:
    """The last probe: its command, how it ended, what it printed."""
    probe, check = outcome.last_probe, container.spec.probe
    if probe is None or check is None or outcome.end in {WaitEnd.EXITED, WaitEnd.CRASHING}:
        return ()
    command = shlex.join(check.test[1:]) if check.test[0] == "CMD" else check.test[-1]
    how = f"timed out after {check.timeout_s:g} s" if probe.exit_code == -1 else f"exit code {probe.exit_code}"
    output = probe.output.strip().splitlines()[-5:]
    return (f"last health check: {command}", f"  {how}", *(f"  {line}" for line in output))


def deadline_after(seconds: float | None) -> float | None:
    """The monotonic time `seconds` from now; None for no limit."""
    return None if seconds is None else time.monotonic() + seconds
