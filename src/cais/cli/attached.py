"""`cais up` without -d: the logs of the services until Ctrl-C, which stops them, as Docker Compose does."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Collection

from cais.cli.perform import interruptible, perform
from cais.cli.view.loglines import LogView
from cais.cli.wire import Wire
from cais.compose.model.project import Project
from cais.engine.protocol import ContainerState, RestartMode, State
from cais.project import logs, teardown
from cais.project.observed import observe

EXIT_INTERRUPTED = 130


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
        _follow(wire, project.name, shown, view, asked, since)
    if not asked.is_set():
        return 0
    print("Gracefully stopping... (press Ctrl+C again to force)", file=sys.stderr)
    _stop(wire, project.name, services, args)
    return EXIT_INTERRUPTED


def _chosen(wire: Wire, project: str, services: Collection[str]) -> tuple[ContainerState, ...]:
    return tuple(c for c in wire.engine.containers(project) if c.spec.service in services and not c.spec.one_off)


def _follow(
    wire: Wire, project: str, services: Collection[str], view: LogView, asked: threading.Event, since: float
) -> None:
    follower = logs.Follower(wire.engine, asked)
    containers = _chosen(wire, project, services)
    view.know(containers)
    for container in containers:
        follower.add(container, since=since)

    def finished() -> bool:
        """Whether all ended for good; one that was started again meanwhile is followed again."""
        living = [c for c in _chosen(wire, project, services) if _goes_on(c)]
        for container in living:
            follower.add(container, since=container.started_at)
        return not living

    for record in follower.records(finished):
        view.show(record)
        sys.stdout.flush()
    if not asked.is_set():
        for container in _chosen(wire, project, services):
            view.remark(container, f"exited with code {container.exit_code}{_reason(container)}")


def _goes_on(container: ContainerState) -> bool:
    if container.state in {State.RUNNING, State.RESTARTING}:
        return True
    mode = container.spec.restart.mode
    return mode in {RestartMode.ALWAYS, RestartMode.UNLESS_STOPPED} and not container.manually_stopped


def _reason(container: ContainerState) -> str:
    return f" ({container.exit_reason})" if container.exit_reason else ""


def _stop(wire: Wire, project: str, services: Collection[str], args: argparse.Namespace) -> None:
    chosen = [c for c in observe(wire.engine, project).containers.values() if c.spec.service in services]
    try:
        perform(teardown.plan_stop(chosen, timeout_s=args.timeout, cause=""), wire, project, dry_run=False)
    except KeyboardInterrupt:
        for container in chosen:
            wire.engine.stop(container.id, timeout_s=0)
