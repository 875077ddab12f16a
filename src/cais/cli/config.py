"""`cais config`."""

from __future__ import annotations

import argparse
import os
import sys

from cais.cli.target import loaded_project
from cais.cli.wire import Wire
from cais.compose import render
from cais.compose.model.project import Project
from cais.durable import write
from cais.errors import NotFoundError
from cais.project import names


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `config`."""
    parser.add_argument("services", nargs="*", metavar="SERVICE", help="only these services (and what they use)")
    parser.add_argument("--format", choices=("yaml", "json"), default="yaml", help="how it is shown")
    parser.add_argument("-q", "--quiet", action="store_true", help="only check")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to a file")
    parser.add_argument("--origin", action="store_true", help="each value with the file and line that set it")
    parser.add_argument("--drawing", action="store_true", help="the project as a drawing (SVG)")
    for what in ("services", "volumes", "networks", "images", "profiles"):
        parser.add_argument(f"--{what}", dest=f"only_{what}", action="store_true", help=f"only the names of {what}")
    parser.add_argument("--hash", metavar="SERVICE", help='the configuration hash of a service, or of all with "*"')


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Load, check, and show the project."""
    project = loaded_project(wire, tuple(args.services))
    for name in args.services:
        if name not in project.services:
            raise NotFoundError(f'no such service: "{name}"', hint=f"services: {', '.join(project.services)}")
    if args.services:
        project = _only(project, tuple(args.services))
    if args.quiet:
        return 0
    text = _text(project, args)
    if args.output:
        write(os.path.join(wire.cwd, args.output), text.encode())
    else:
        sys.stdout.write(text)
    return 0


def _only(project: Project, services: tuple[str, ...]) -> Project:
    import msgspec

    from cais.project.order import with_dependencies

    kept = with_dependencies(project, services)
    return msgspec.structs.replace(project, services={name: project.services[name] for name in kept})


def _text(project: Project, args: argparse.Namespace) -> str:
    if args.origin:
        return "".join(f"{row}\n" for row in render.origins(project))
    if args.drawing:
        from cais.project.drawing import draw

        return draw(project)
    if args.hash:
        return _hashes(project, args.hash)
    for what in ("services", "volumes", "networks", "images", "profiles"):
        if getattr(args, f"only_{what}"):
            return "".join(f"{name}\n" for name in _names(project, what))
    tree = render.to_tree(project)
    return render.to_yaml(tree) if args.format == "yaml" else render.to_json(tree) + "\n"


def _names(project: Project, what: str) -> list[str]:
    if what == "services":
        return list(project.services)
    if what == "volumes":
        return list(project.volumes)
    if what == "networks":
        return list(project.networks)
    if what == "images":
        return [names.image_reference(project.name, service) for service in project.services.values()]
    every = (*project.services.values(), *project.disabled.values())
    return sorted({profile for service in every for profile in service.profiles})


def _hashes(project: Project, wanted: str) -> str:
    from cais.project.translate import service_hash

    chosen = list(project.services) if wanted == "*" else wanted.split(",")
    for name in chosen:
        if name not in project.services:
            raise NotFoundError(f'no such service: "{name}"')
    return "".join(f"{name} {service_hash(project, project.services[name])}\n" for name in chosen)
