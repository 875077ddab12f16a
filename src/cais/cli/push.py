"""`cais push`."""

from __future__ import annotations

import argparse
import contextlib

from cais.cli.pull import chosen_services, show
from cais.cli.target import loaded_project
from cais.cli.wire import Wire
from cais.project import transfers


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `push`."""
    parser.add_argument("services", nargs="*", metavar="SERVICE")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")
    parser.add_argument("--ignore-push-failures", action="store_true", help="push what can be pushed")
    parser.add_argument("--include-deps", action="store_true", help="also the services they depend on")


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Give the images that are built here to their registries."""
    project = loaded_project(wire, tuple(args.services))
    planned = transfers.plan_push(project, chosen_services(project, args))
    if args.dry_run:
        show(planned, "push")
        return 0
    with contextlib.closing(wire.view(quiet=args.quiet)) as view:
        transfers.push(planned, wire.pusher(view), view, ignore_failures=args.ignore_push_failures)
    return 0
