"""`cais kill`."""

from __future__ import annotations

import argparse

from cais.cli.target import present_containers
from cais.cli.wire import Wire
from cais.engine.protocol import State
from cais.events import NullSink


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `kill`."""
    parser.add_argument("services", nargs="*", metavar="SERVICE")
    parser.add_argument("-s", "--signal", default="SIGKILL", metavar="SIGNAL", help="the signal (default: SIGKILL)")


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Send a signal to PID 1 of each running container."""
    name, chosen = present_containers(wire, args.services)
    waiter = wire.waiter(name, NullSink())
    for container in chosen:
        if container.state is not State.RUNNING:
            continue
        print(f"{'would kill' if args.dry_run else 'killing'} {container.name} with {args.signal}")
        if not args.dry_run:
            wire.engine.kill(container.id, args.signal)
            waiter.changed(container.id)
    return 0
