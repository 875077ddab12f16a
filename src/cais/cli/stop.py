"""`cais stop`."""

from __future__ import annotations

import argparse

from cais.cli.perform import perform
from cais.cli.target import present_containers
from cais.cli.wire import Wire
from cais.project import teardown


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `stop`."""
    parser.add_argument("services", nargs="*", metavar="SERVICE")
    parser.add_argument(
        "-t",
        "--timeout",
        type=float,
        metavar="SECONDS",
        help="wait before SIGKILL (default: the service's stop_grace_period)",
    )


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Stop containers; they stay stopped until started."""
    name, chosen = present_containers(wire, args.services)
    perform(teardown.plan_stop(chosen, timeout_s=args.timeout, cause=""), wire, name, dry_run=args.dry_run)
    return 0
