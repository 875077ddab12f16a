"""`cais ls`."""

from __future__ import annotations

import argparse
import sys

import msgspec

from cais.cli.view.table import table
from cais.cli.wire import Wire
from cais.engine.protocol import ContainerState, State
from cais.project import names


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `ls`."""
    parser.add_argument("-a", "--all", action="store_true", help="also projects of which nothing runs")
    parser.add_argument("-q", "--quiet", action="store_true", help="only names")
    parser.add_argument("--format", choices=("table", "json"), default="table", help="how it is shown")


def run(args: argparse.Namespace, wire: Wire) -> int:
    """List the projects that have containers."""
    projects: dict[str, list[ContainerState]] = {}
    for container in wire.engine.containers():
        if container.spec.project:
            projects.setdefault(container.spec.project, []).append(container)
    rows = []
    for name, containers in sorted(projects.items()):
        if args.all or any(c.state is State.RUNNING for c in containers):
            rows.append((name, _status(containers), containers[0].spec.labels.get(names.CONFIG_FILES, "")))
    if args.quiet:
        sys.stdout.write("".join(f"{row[0]}\n" for row in rows))
    elif args.format == "json":
        sys.stdout.write(
            msgspec.json.encode(
                [dict(zip(("Name", "Status", "ConfigFiles"), row, strict=True)) for row in rows]
            ).decode()
            + "\n"
        )
    else:
        sys.stdout.write(table(("NAME", "STATUS", "CONFIG FILES"), rows))
    return 0


def _status(containers: list[ContainerState]) -> str:
    counts: dict[str, int] = {}
    for container in containers:
        counts[container.state.value] = counts.get(container.state.value, 0) + 1
    return ", ".join(f"{state}({count})" for state, count in sorted(counts.items()))
