"""`cais up` without -d: the logs of the services until Ctrl-C, which stops them, as Docker Compose does."""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
from collections.abc import Collection

from cais.cli.perform import interruptible
from cais.cli.view.loglines import LogView
from cais.cli.wire import Wire
from cais.compose.model.project import Project
from cais.engine.protocol import ContainerState, Health, State
from cais.errors import CaisError
from cais.events import MessageEvent, Phase
from cais.project import logs, teardown
from cais.project.actions import Plan
from cais.project.execute import execute
from cais.supervise.channel import SupervisorLost
from cais.supervise.events import ContainerExited, ContainerRestarting, HealthChanged, SupervisorEvent
from cais.supervise.history import History

EXIT_INTERRUPTED = 130
CHECK_S = 0.1  # a signal handler cannot wake a waiting thread; this bounds how long Ctrl-C goes unnoticed
ALIVE = frozenset({State.RUNNING, State.RESTARTING})


def follow_until_stopped(
    wire: Wire, project: Project, services: Collection[str], args: argparse.Namespace, *, since: float
) -> int:
    """Show logs until every container ended for good (0) or Ctrl-C (130, after stopping them; a second Ctrl-C kills)."""
    view = LogView(
        sys.stdout.write,
        color=wire.color and not args.no_color,
        prefix=not args.no_log_prefix,
        timestamps=args.timestamps,
        project=project.name,
    )
    shown = {name for name in services if project.services[name].attach}
    with interruptible() as asked:
        printer = _Printer(wire, project.name, shown, view, since)
        while printer.goes_on and not asked.is_set():
            printer.wait(CHECK_S)
    if asked.is_set():
        print("Gracefully stopping... (press Ctrl+C again to force)", file=sys.stderr, flush=True)
        _stop(wire, project.name, services, args)
    printer.end()
    return EXIT_INTERRUPTED if asked.is_set() else 0


class _Printer:
    """Shows what the containers write, and what becomes of them, in a thread of its own: stopping them is part of it."""

    def __init__(self, wire: Wire, project: str, services: Collection[str], view: LogView, since: float) -> None:
        self._wire = wire
        self._project = project
        self._services = services
        self._view = view
        self._since = since
        self._told: set[tuple[str, float]] = set()
        self._stop = threading.Event()
        self._broken: BrokenPipeError | None = None
        self._follower = logs.Follower(wire.engine, self._stop)
        containers = self._containers()
        for text in logs.without_log(containers):
            wire.tell(MessageEvent(phase=Phase.WARNING, text=text))
        view.know(containers)
        for container in containers:
            self._follower.add(container, since=since)
        threading.Thread(target=self._listen, name="events", daemon=True).start()
        self._thread = threading.Thread(target=self._print, name="logs", daemon=True)
        self._thread.start()

    @property
    def goes_on(self) -> bool:
        """Whether there is or may be more to show."""
        return self._thread.is_alive()

    def wait(self, timeout_s: float) -> None:
        """Wait for the end of all, at most so long."""
        self._thread.join(timeout_s)

    def end(self) -> None:
        """Show what is left of containers that have ended; of others no more."""
        if any(c.state in ALIVE for c in self._containers()):
            self._stop.set()
        self._thread.join()
        if self._broken is not None:
            raise self._broken

    def _containers(self) -> tuple[ContainerState, ...]:
        return _of(self._wire, self._project, self._services)

    def _print(self) -> None:
        try:
            for record in self._follower.records(self._living):
                self._view.show(record)
                sys.stdout.flush()
        except BrokenPipeError as error:  # the reader of our output left
            self._broken = error

    def _living(self) -> tuple[ContainerState, ...]:
        """Those that go on. Of one that ended before anybody listened, the end is told now."""
        there = self._containers()
        for container in there:
            if container.state not in ALIVE and container.finished_at:
                self._tell(container, container.finished_at, _end_text(container.exit_code, container.exit_reason))
        return tuple(c for c in there if logs.goes_on(c, self._wire.clock.now()))

    def _listen(self) -> None:
        """The supervisor's events, as remarks among the lines. Without a supervisor only the ends of containers are told."""
        client = self._wire.supervisor(self._project).existing()
        if client is None:
            return
        try:
            with client.subscribe() as subscription:
                # Much may have happened while the other services were started.
                for event in History(self._wire.database, self._project).read(since=self._since):
                    self._remark(event)
                for event in subscription:
                    self._remark(event)
        except SupervisorLost:
            return

    def _remark(self, event: SupervisorEvent) -> None:
        container = self._wire.engine.container(event.container_id) if event.container_id else None
        if container is None or container.spec.service not in self._services:
            return
        match event:
            case ContainerExited():
                self._tell(container, event.at, _end_text(event.exit_code, event.reason))
            case ContainerRestarting():
                self._tell(container, event.at, f"restarts in {event.delay_s:.1f} s" if event.delay_s else "restarts")
            case HealthChanged(health=Health.UNHEALTHY):
                self._tell(container, event.at, f"is unhealthy: {event.detail.strip()}")

    def _tell(self, container: ContainerState, at: float, text: str) -> None:
        """What happened at one moment is told once."""
        if (container.id, at) not in self._told:
            self._told.add((container.id, at))
            self._follower.remark(logs.Remark(container, text))


def _end_text(exit_code: int, reason: str) -> str:
    return f"exited with code {exit_code}" + (f" ({reason})" if reason else "")


def _stop(wire: Wire, project: str, services: Collection[str], args: argparse.Namespace) -> None:
    """Stop the services in order; another Ctrl-C kills them. Their last lines are shown meanwhile, so progress is not redrawn."""
    plan = teardown.plan_stop(_of(wire, project, services), timeout_s=args.timeout, cause="")
    errors: list[CaisError] = []
    with interruptible() as forced:
        work = threading.Thread(target=lambda: errors.extend(_carry_out(wire, project, plan)), daemon=True)
        work.start()
        while work.is_alive() and not forced.is_set():
            work.join(CHECK_S)
        if forced.is_set():
            _kill(wire, project, services)
            work.join()
    if errors:
        raise errors[0]


def _carry_out(wire: Wire, project: str, plan: Plan) -> tuple[CaisError, ...]:
    with contextlib.closing(wire.view(redraw=False)) as view:
        return execute(plan, wire.engine, wire.waiter(project, view), view).errors


def _kill(wire: Wire, project: str, services: Collection[str]) -> None:
    for container in _of(wire, project, services):
        if container.state is State.RUNNING:
            print(f" Container {container.name}  Killed", file=sys.stderr, flush=True)
            with contextlib.suppress(CaisError):  # it has ended, or was removed, just now
                wire.engine.kill(container.id, "SIGKILL")


def _of(wire: Wire, project: str, services: Collection[str]) -> tuple[ContainerState, ...]:
    return tuple(c for c in wire.engine.containers(project) if c.spec.service in services and not c.spec.one_off)
