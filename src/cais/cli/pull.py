"""`cais pull`."""

from __future__ import annotations

import argparse
import contextlib

from cais.cli.target import loaded_project
from cais.cli.wire import Wire
from cais.compose.model.project import Project
from cais.events import NullSink
from cais.project import order, transfers


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `pull`."""
    parser.add_argument("services", nargs="*", metavar="SERVICE")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")
    parser.add_argument("--ignore-pull-failures", action="store_true", help="pull what can be pulled")
    parser.add_argument("--ignore-buildable", action="store_true", help="leave out images that can be built")
    parser.add_argument("--include-deps", action="store_true", help="also the services they depend on")
    parser.add_argument("--policy", choices=("missing", "always"), default="", help="in place of the services' own")


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Fetch the images of the services."""
    project = loaded_project(wire, tuple(args.services))
    options = transfers.PullOptions(
        policy=args.policy, ignore_buildable=args.ignore_buildable, ignore_failures=args.ignore_pull_failures
    )
    chosen = chosen_services(project, args)
    if args.dry_run:
        show(transfers.plan_pull(project, chosen, wire.image_source(NullSink()), options), "pull")
        return 0
    with contextlib.closing(wire.view(quiet=args.quiet)) as view:
        source = wire.image_source(view)
        transfers.pull(transfers.plan_pull(project, chosen, source, options), source, view, options)
    return 0


def chosen_services(project: Project, args: argparse.Namespace) -> tuple[str, ...]:
    """The services named, with `--include-deps` those they depend on too; all when none is named."""
    if args.include_deps:
        return order.with_dependencies(project, args.services)
    order.check_known(project, args.services)
    return order.in_order(project, args.services or project.services)


def show(planned: tuple[transfers.Transfer | transfers.Skipped, ...], verb: str) -> None:
    """Print what would be done, for a dry run."""
    for each in planned:
        if isinstance(each, transfers.Skipped):
            print(f"skip service {each.service}: {each.why}")
        else:
            print(f"{verb} image {each.reference}")
