"""`cais ps`."""

from __future__ import annotations

import argparse
import sys
import time

import msgspec

from cais.cli.target import observed_project
from cais.cli.view.table import ago, table
from cais.cli.wire import Wire
from cais.clock import rfc3339
from cais.engine.protocol import ContainerState, State
from cais.project import names, select
from cais.project.status import command_text, ports_text, status_text

HEADERS = ("NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS")


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `ps`."""
    parser.add_argument("services", nargs="*", metavar="SERVICE")
    parser.add_argument("-a", "--all", action="store_true", help="also those that do not run")
    parser.add_argument("-q", "--quiet", action="store_true", help="only ids")
    parser.add_argument("--services", dest="only_services", action="store_true", help="only the names of services")
    parser.add_argument(
        "--status", action="append", default=[], choices=[s.value for s in State], help="only this state"
    )
    parser.add_argument("--format", choices=("table", "json"), default="table", help="how it is shown")
    parser.add_argument("--no-trunc", action="store_true", help="show whole commands")


def run(args: argparse.Namespace, wire: Wire) -> int:
    """List containers."""
    _, observed = observed_project(wire)
    chosen = select.of_services(observed, args.services, one_off=True) if observed.containers or args.services else ()
    shown = [c for c in chosen if _is_shown(c, args)]
    if args.quiet:
        sys.stdout.write("".join(f"{c.id}\n" for c in shown))
    elif args.only_services:
        sys.stdout.write("".join(f"{name}\n" for name in dict.fromkeys(c.spec.service for c in shown)))
    elif args.format == "json":
        sys.stdout.write("".join(msgspec.json.encode(as_json(c, wire)).decode() + "\n" for c in shown))
    else:
        sys.stdout.write(table(HEADERS, [_row(c, wire, whole=args.no_trunc) for c in shown]))
    return 0


def _is_shown(container: ContainerState, args: argparse.Namespace) -> bool:
    if args.status:
        return container.state.value in args.status
    return bool(args.all) or container.state in {State.RUNNING, State.RESTARTING}


def _row(container: ContainerState, wire: Wire, *, whole: bool) -> tuple[str, ...]:
    now = wire.clock.now()
    return (
        container.name,
        container.spec.image_reference,
        _command(container, wire, whole=whole),
        container.spec.service,
        f"{ago(now - container.created_at)} ago",
        status_text(container, now, ago),
        ports_text(container.ports) if container.state is State.RUNNING else "",
    )


def _command(container: ContainerState, wire: Wire, *, whole: bool) -> str:
    image = wire.images.find(container.spec.image_id)
    config = image.config.config if image else None
    entrypoint = (config.entrypoint if config else None) or ()
    command = (config.cmd if config else None) or ()
    text = command_text(container, entrypoint, command)
    return (
        text
        if not whole
        else '"' + " ".join((*(container.spec.entrypoint or entrypoint), *(container.spec.command or command))) + '"'
    )


def as_json(container: ContainerState, wire: Wire) -> dict[str, object]:
    """One container with the keys of `docker compose ps --format json`."""
    now = wire.clock.now()
    return {
        "Command": _command(container, wire, whole=True),
        "CreatedAt": time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC", time.gmtime(container.created_at)),
        "ExitCode": container.exit_code,
        # Of what does not run there is no health; what is recorded is the last there was.
        "Health": container.health.value if container.pid and container.health.value != "none" else "",
        "ID": container.id,
        "Image": container.spec.image_reference,
        "Labels": ",".join(f"{key}={value}" for key, value in sorted(container.spec.labels.items())),
        "Name": container.name,
        "Names": container.name,
        "Networks": ",".join(container.addresses),
        "Addresses": dict(container.addresses),
        "Pid": container.pid,
        "Ports": ports_text(container.ports),
        "Project": container.spec.project,
        "Publishers": [
            {
                "URL": port.host_ip or "0.0.0.0",
                "TargetPort": port.container_port,
                "PublishedPort": port.host_port,
                "Protocol": port.protocol.value,
            }
            for port in container.ports
        ],
        "RestartCount": container.restart_count,
        "Reason": container.exit_reason,
        "RunningFor": f"{ago(now - container.created_at)} ago",
        "Service": container.spec.service,
        "StartedAt": rfc3339(container.started_at) if container.started_at else "",
        "State": container.state.value,
        "Status": status_text(container, now, ago),
        "Number": container.spec.labels.get(names.NUMBER, ""),
    }
