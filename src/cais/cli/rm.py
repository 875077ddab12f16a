"""`cais rm`."""

from __future__ import annotations

import argparse
import sys

from cais.cli.perform import perform
from cais.cli.target import observed_project
from cais.cli.wire import Wire
from cais.errors import UsageError
from cais.project import select, teardown


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `rm`."""
    parser.add_argument("services", nargs="*", metavar="SERVICE")
    parser.add_argument("-f", "--force", action="store_true", help="do not ask")
    parser.add_argument("-s", "--stop", action="store_true", help="stop them first")
    parser.add_argument("-v", "--volumes", action="store_true", help="also their anonymous volumes")


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Remove stopped containers."""
    name, observed = observed_project(wire)
    chosen = select.of_services(observed, args.services, one_off=True) if observed.containers or args.services else ()
    if args.stop:
        perform(teardown.plan_stop(chosen, timeout_s=None, cause=""), wire, name, dry_run=args.dry_run)
        chosen = tuple(c for c in wire.engine.containers(name) if c.id in {c.id for c in chosen})
    plan = teardown.plan_remove(chosen, volumes=args.volumes, cause="it does not run")
    if not plan.actions:
        print("No stopped containers")
        return 0
    if not args.force and not args.dry_run:
        _confirm([action.line() for action in plan.actions])
    perform(plan, wire, name, dry_run=args.dry_run)
    return 0


def _confirm(lines: list[str]) -> None:
    if not sys.stdin.isatty():
        raise UsageError("cannot ask whether to remove: stdin is not a terminal", hint="add --force")
    print("\n".join(lines))
    if input("Are you sure? [yN] ").strip().lower() not in {"y", "yes"}:
        raise UsageError("nothing was removed")
