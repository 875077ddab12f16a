"""`cais top`."""

from __future__ import annotations

import argparse
import sys

from cais.cli.target import observed_project
from cais.cli.view.table import table
from cais.cli.wire import Wire
from cais.engine.protocol import State
from cais.proc import Command
from cais.proc import run as run_program
from cais.project import select

COLUMNS = "user,pid,ppid,pcpu,stime,tty,time,args"


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `top`."""
    parser.add_argument("services", nargs="*", metavar="SERVICE")


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Show the processes of each running container, with their pids on the host."""
    _, observed = observed_project(wire)
    for container in select.of_services(observed, args.services, one_off=True):
        if container.state is not State.RUNNING:
            continue
        pids = ",".join(str(pid) for pid in wire.engine.processes(container.id))
        listed = run_program(
            Command(argv=("ps", "-ww", "-o", COLUMNS, "-p", pids), install_hint="apt-get install procps")
        )
        # A process may have ended since: ps then lists the others and ends with 1.
        rows = [line.split(None, 7) for line in listed.stdout.decode(errors="replace").splitlines()]
        if rows:
            sys.stdout.write(f"{container.name}\n{table(rows[0], rows[1:])}\n")
    return 0
