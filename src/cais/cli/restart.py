"""`cais restart`."""

from __future__ import annotations

import argparse

from cais.cli.perform import perform
from cais.cli.target import present_containers
from cais.cli.wire import Wire
from cais.compose.model.project import Project
from cais.engine.protocol import ContainerState
from cais.events import MessageEvent, NullSink, Phase
from cais.project import confighash, select, teardown, translate
from cais.project.ensure import known_mounted
from cais.project.observed import observe_containers


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `restart`."""
    parser.add_argument("services", nargs="*", metavar="SERVICE")
    parser.add_argument("-t", "--timeout", type=float, metavar="SECONDS", help="wait before SIGKILL")
    parser.add_argument(
        "--no-deps", action="store_true", help="do not restart services that depend on them with restart: true"
    )


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Stop and start containers; configuration that changed since they were created is not applied, and said so."""
    name, chosen = present_containers(wire, args.services)
    project = wire.project_or_none()
    if project is not None and args.services and not args.no_deps:
        also = _dependents(project, args.services)
        chosen = tuple(
            c
            for c in select.of_services(observe_containers(wire.engine, name), ())
            if c in chosen or c.spec.service in also
        )
    if project is not None:
        for container in chosen:
            _say_changed(wire, project, container)
    perform(teardown.plan_restart(chosen, timeout_s=args.timeout), wire, name, dry_run=args.dry_run)
    return 0


def _dependents(project: Project, services: list[str]) -> frozenset[str]:
    """The services whose `depends_on` names one of `services` with `restart: true`."""
    return frozenset(
        service.name
        for service in project.services.values()
        if any(d.restart and name in services for name, d in service.depends_on.items())
    )


def _say_changed(wire: Wire, project: Project, container: ContainerState) -> None:
    service = project.services.get(container.spec.service)
    image = wire.images.find(container.spec.image_id)
    if service is None or image is None:
        return
    mounted = known_mounted(project, (service.name,), wire.image_source(NullSink()))
    spec = translate.container_spec(project, service, container.spec.number, image, mounted=mounted)
    if spec.config_hash == container.spec.config_hash:
        return
    what = confighash.describe(confighash.changes(container.spec.config, spec.config), service.name, project.origins)
    text = f"{container.name} keeps its old configuration: {what}; `cais up -d` applies it"
    wire.tell(MessageEvent(phase=Phase.WARNING, text=text))
