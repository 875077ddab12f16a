"""`cais exec`."""

from __future__ import annotations

import argparse
import shlex
import sys

from cais.cli.options import add_docker_terminal_flags, add_process_flags
from cais.cli.target import observed_project
from cais.cli.variables import variables
from cais.cli.wire import Wire
from cais.engine.protocol import ExecSpec
from cais.errors import UsageError
from cais.project import select


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `exec`."""
    parser.add_argument("-T", "--no-tty", "--no-TTY", dest="no_tty", action="store_true", help="without a terminal")
    add_docker_terminal_flags(parser)
    parser.add_argument("-d", "--detach", action="store_true", help="in the background")
    add_process_flags(parser)
    parser.add_argument("--index", type=int, metavar="N", help="which replica")
    parser.add_argument("--privileged", action="store_true", help="with all capabilities")
    parser.add_argument("service", metavar="SERVICE")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND")


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Run a command in a running container; its exit code."""
    if not args.command:
        raise UsageError("exec needs a command", hint=f"cais exec {args.service} sh")
    _, observed = observed_project(wire)
    container = select.replica(observed, args.service, args.index)
    if args.dry_run:
        print(f"run in container {container.name}: {shlex.join(args.command)}")
        return 0
    terminal = not args.no_tty and not args.detach and sys.stdin.isatty() and sys.stdout.isatty()
    spec = ExecSpec(
        argv=tuple(args.command),
        environment=variables(args.env, wire.env),
        user=args.user,
        working_dir=args.workdir,
        tty=terminal,
        interactive=not args.detach,
        privileged=args.privileged,
    )
    if args.detach:
        return _detached(wire, container.id, spec)
    return wire.engine.execute(container.id, spec)


def _detached(wire: Wire, container_id: str, spec: ExecSpec) -> int:
    """Run in a child that outlives this command; its output goes nowhere, as with Docker."""
    import os

    if os.fork() == 0:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        os._exit(wire.engine.execute(container_id, spec))
    return 0
