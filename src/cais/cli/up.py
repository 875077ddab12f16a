"""`cais up`: its flags, and what comes first. The rest is `bringup`, which the supervisor's start overlaps."""

from __future__ import annotations

import argparse

from cais.cli.target import loaded_project
from cais.cli.wire import Wire
from cais.errors import UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `up`."""
    parser.add_argument("-d", "--detach", action="store_true", help="in the background")
    parser.add_argument("--wait", action="store_true", help="until the services are running and healthy; implies -d")
    parser.add_argument("--wait-timeout", type=float, metavar="SECONDS", help="give up waiting after this time")
    parser.add_argument("--no-start", action="store_true", help="create, do not start")
    configure_creation(parser)
    parser.add_argument("--no-color", action="store_true", help="logs without colours")
    parser.add_argument("--no-log-prefix", action="store_true", help="logs without the container's name")
    parser.add_argument("--timestamps", action="store_true", help="logs with the time")


def configure_creation(parser: argparse.ArgumentParser) -> None:
    """The flags that `create` has too."""
    parser.add_argument("services", nargs="*", metavar="SERVICE")
    parser.add_argument("--build", action="store_true", help="build images first, even when there are some")
    parser.add_argument("--no-build", action="store_true", help="do not build, even when an image is missing")
    parser.add_argument("--force-recreate", action="store_true", help="replace containers even when nothing changed")
    parser.add_argument("--no-recreate", action="store_true", help="keep containers even when something changed")
    parser.add_argument("--always-recreate-deps", action="store_true", help="replace dependencies too")
    parser.add_argument("--no-deps", action="store_true", help="only the named services")
    parser.add_argument("--remove-orphans", action="store_true", help="remove containers no service claims")
    parser.add_argument(
        "-V", "--renew-anon-volumes", action="store_true", help="new anonymous volumes for replaced containers"
    )
    parser.add_argument(
        "--scale", action="append", default=[], metavar="SERVICE=N", help="how many containers of a service"
    )
    parser.add_argument(
        "--pull",
        choices=("always", "missing", "never", "build", "policy"),
        default="policy",
        help="when images are fetched; `policy` leaves it to the services",
    )
    parser.add_argument("-t", "--timeout", type=float, metavar="SECONDS", help="wait before SIGKILL when stopping")
    parser.add_argument("--quiet-pull", action="store_true", help="no progress while images are fetched")


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Bring the project up."""
    _check_flags(args)
    project = loaded_project(wire, tuple(args.services))
    if not (args.dry_run or args.no_start):
        # It takes as long to be there as the first service to start: everything else is imported meanwhile.
        wire.supervisor(project.name).prepare()
    from cais.cli.bringup import bring_up

    return bring_up(args, wire, project)


def _check_flags(args: argparse.Namespace) -> None:
    for one, other in (("force_recreate", "no_recreate"), ("build", "no_build")):
        if getattr(args, one) and getattr(args, other):
            raise UsageError(f"--{one.replace('_', '-')} and --{other.replace('_', '-')} contradict each other")
