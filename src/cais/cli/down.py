"""`cais down`."""

from __future__ import annotations

import argparse

from cais.cli.perform import perform
from cais.cli.removing import remove_by_name
from cais.cli.wire import Wire
from cais.errors import Conflict, NotFoundError
from cais.events import MessageEvent, Phase
from cais.project import teardown
from cais.project.observed import Observed, observe


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `down`."""
    parser.add_argument("services", nargs="*", metavar="SERVICE")
    parser.add_argument(
        "-v", "--volumes", action="store_true", help="also the named volumes the file declares, and anonymous ones"
    )
    parser.add_argument(
        "--rmi", choices=("all", "local"), help="also images: all, or only those without a name of their own"
    )
    parser.add_argument("--remove-orphans", action="store_true", help="also containers no service claims")
    parser.add_argument("-t", "--timeout", type=float, metavar="SECONDS", help="wait before SIGKILL")


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Stop and remove."""
    project = wire.project_or_none()
    name = project.name if project else wire.project_name()
    observed = observe(wire.engine, name)
    known = {*project.services, *project.disabled} if project else None
    for service in args.services:
        if known is not None and service not in known:
            raise NotFoundError(f'no such service: "{service}"')
    removed = _removed(observed, known, args)
    volumes = tuple(v.name for v in project.volumes.values() if not v.external) if project else tuple(observed.volumes)
    options = teardown.DownOptions(
        services=tuple(args.services), volumes=args.volumes, volume_names=volumes, timeout_s=args.timeout
    )
    kept = [c.name for c in observed.containers.values() if c.id not in removed]
    plan = teardown.plan_down(observed, name, removed, options)
    if kept and not args.services:
        wire.tell(
            MessageEvent(
                phase=Phase.WARNING,
                text=f"containers without a service in the file are left: {', '.join(kept)} (remove them with --remove-orphans)",
            )
        )
        plan = teardown.without_networks(plan)
    perform(plan, wire, name, dry_run=args.dry_run)
    if args.rmi and not args.dry_run:
        _remove_images(wire, observed, removed, only_local=args.rmi == "local")
    if not plan.actions and not kept and not args.dry_run:
        wire.tell(MessageEvent(phase=Phase.DONE, text=f'nothing of project "{name}" is there'))
    return 0


def _removed(observed: Observed, known: set[str] | None, args: argparse.Namespace) -> frozenset[str]:
    """The ids to remove: one-off containers of the project go too, orphans when asked or when there is no file to tell."""
    chosen = []
    for container in observed.containers.values():
        service = container.spec.service
        wanted = service in args.services if args.services else args.remove_orphans or known is None or service in known
        if wanted:
            chosen.append(container.id)
    return frozenset(chosen)


def _remove_images(wire: Wire, observed: Observed, removed: frozenset[str], *, only_local: bool) -> None:
    """By the names that the services use: an image with other names stays under those."""
    specs = [container.spec for container in observed.containers.values() if container.id in removed]
    chosen = (spec for spec in specs if not only_local or spec.image_reference == f"{spec.project}-{spec.service}")
    for name in dict.fromkeys(spec.image_reference for spec in chosen):
        if wire.images.find(name) is None:
            continue
        try:
            lines, phase = remove_by_name(wire, name, force=False), Phase.DONE
        except Conflict as problem:
            lines, phase = (f'image "{name}" is kept: {problem.message}',), Phase.WARNING
        for line in lines:
            wire.tell(MessageEvent(phase=phase, text=line))
