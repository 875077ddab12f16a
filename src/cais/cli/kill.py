"""`cais kill`."""

from __future__ import annotations

import argparse

from cais.cli.target import observed_project
from cais.cli.wire import Wire
from cais.engine.protocol import State
from cais.events import NullSink
from cais.project import select


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `kill`."""
    parser.add_argument("services", nargs="*", metavar="SERVICE")
    parser.add_argument("-s", "--signal", default="SIGKILL", metavar="SIGNAL", help="the signal (default: SIGKILL)")


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Send a signal to PID 1 of each running container."""
    name, observed = observed_project(wire)
    waiter = wire.waiter(name, NullSink())
    for container in select.of_services(observed, args.services):
        if container.state is not State.RUNNING:
            continue
        print(f"{'would kill' if args.dry_run else 'killing'} {container.name} with {args.signal}")
        if not args.dry_run:
            wire.engine.kill(container.id, args.signal)
            waiter.changed(container.id)
    return 0
