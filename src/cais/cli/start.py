"""`cais start`."""

from __future__ import annotations

import argparse

from cais.cli.perform import perform
from cais.cli.target import present_containers
from cais.cli.wire import Wire
from cais.project import teardown


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `start`."""
    parser.add_argument("services", nargs="*", metavar="SERVICE")


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Start existing containers."""
    name, chosen = present_containers(wire, args.services)
    perform(teardown.plan_start(chosen), wire, name, dry_run=args.dry_run)
    return 0
