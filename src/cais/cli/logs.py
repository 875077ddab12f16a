"""`cais logs`."""

from __future__ import annotations

import argparse
import sys

from cais.cli.perform import interruptible
from cais.cli.target import observed_project
from cais.cli.view.loglines import LogView
from cais.cli.view.moments import moment
from cais.cli.wire import Wire
from cais.engine.protocol import ContainerState
from cais.errors import UsageError
from cais.events import MessageEvent, Phase
from cais.project import logs, select


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `logs`."""
    parser.add_argument("services", nargs="*", metavar="SERVICE")
    parser.add_argument("-f", "--follow", action="store_true", help="go on as they write")
    parser.add_argument("-n", "--tail", default="all", metavar="N", help="only the last N lines of each container")
    parser.add_argument("--since", metavar="TIME", help="a time (2026-01-02T15:04:05Z) or how long ago (42m)")
    parser.add_argument("--until", metavar="TIME", help="as --since")
    parser.add_argument("-t", "--timestamps", action="store_true", help="show when each line was written")
    parser.add_argument("--no-log-prefix", action="store_true", help="without the container's name")
    parser.add_argument("--no-color", action="store_true", help="without colours")
    parser.add_argument("--index", type=int, metavar="N", help="only replica N")


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Show logs."""
    name, observed = observed_project(wire)
    chosen = select.of_services(observed, args.services, one_off=True) if observed.containers or args.services else ()
    if args.index is not None:
        chosen = tuple(c for c in chosen if c.spec.number == args.index)
    now = wire.clock.now()
    since = moment(args.since, now) if args.since else None
    until = moment(args.until, now) if args.until else None
    tail = _tail(args.tail)
    view = LogView(
        sys.stdout.write,
        color=wire.color and not args.no_color,
        prefix=not args.no_log_prefix,
        timestamps=args.timestamps,
        project=name,
    )
    for text in logs.without_log(chosen):
        wire.tell(MessageEvent(phase=Phase.WARNING, text=text))
    view.know(chosen)
    if not args.follow:
        for record in logs.merged(wire.engine, chosen, tail=tail, since=since, until=until):
            view.show(record)
        return 0
    with interruptible() as asked:
        follower = logs.Follower(wire.engine, asked)
        for container in chosen:
            follower.add(container, tail=tail, since=since)
        for line in follower.records(lambda: _living(wire, name, args)):
            view.show(line)
            sys.stdout.flush()
    return 130 if asked.is_set() else 0


def _living(wire: Wire, project: str, args: argparse.Namespace) -> tuple[ContainerState, ...]:
    """Those that may still write, also ones started or made since."""
    return tuple(
        c
        for c in wire.engine.containers(project)
        if logs.goes_on(c, wire.clock.now())
        and (not args.services or c.spec.service in args.services)
        and args.index in {None, c.spec.number}
    )


def _tail(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdecimal():
        raise UsageError(f'--tail wants a number or "all", not "{text}"')
    return int(text)
