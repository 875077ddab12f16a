"""`cais restart`."""

from __future__ import annotations

import argparse

from cais.cli.perform import perform
from cais.cli.target import observed_project
from cais.cli.wire import Wire
from cais.compose.model.project import Project
from cais.engine.protocol import ContainerState
from cais.events import MessageEvent, Phase
from cais.project import confighash, select, teardown, translate


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `restart`."""
    parser.add_argument("services", nargs="*", metavar="SERVICE")
    parser.add_argument("-t", "--timeout", type=float, metavar="SECONDS", help="wait before SIGKILL")
    parser.add_argument(
        "--no-deps", action="store_true", help="do not restart services that depend on them with restart: true"
    )


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Stop and start containers; configuration that changed since they were created is not applied, and said so."""
    name, observed = observed_project(wire)
    project = wire.project_or_none()
    services = _with_dependents(project, args.services) if project and not args.no_deps else tuple(args.services)
    chosen = select.of_services(observed, services)
    if project is not None:
        for container in chosen:
            _say_changed(wire, project, container)
    perform(teardown.plan_restart(chosen, timeout_s=args.timeout), wire, name, dry_run=args.dry_run)
    return 0


def _with_dependents(project: Project, services: list[str]) -> tuple[str, ...]:
    """`services` and those whose `depends_on` names one of them with `restart: true`."""
    wanted = dict.fromkeys(services)
    if not services:
        return ()
    for service in project.services.values():
        if any(d.restart and name in wanted for name, d in service.depends_on.items()):
            wanted[service.name] = None
    return tuple(wanted)


def _say_changed(wire: Wire, project: Project, container: ContainerState) -> None:
    service = project.services.get(container.spec.service)
    image = wire.images.find(container.spec.image_id)
    if service is None or image is None:
        return
    spec = translate.container_spec(project, service, container.spec.number, image)
    if spec.config_hash == container.spec.config_hash:
        return
    what = confighash.describe(confighash.changes(container.spec.config, spec.config), service.name, project.origins)
    text = f"{container.name} keeps its old configuration: {what}; `cais up -d` applies it"
    wire.tell(MessageEvent(phase=Phase.WARNING, text=text))
