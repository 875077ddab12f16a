"""`cais build`."""

from __future__ import annotations

import argparse

from cais.cli import buildflags
from cais.cli.target import loaded_project
from cais.cli.wire import Wire
from cais.compose.model.project import Project
from cais.events import MessageEvent, Phase
from cais.project import order
from cais.project.builds import BuildOptions
from cais.project.ensure import ImageOptions, ensure_images


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `build`."""
    parser.add_argument("services", nargs="*", metavar="SERVICE")
    buildflags.add_common_flags(parser)
    parser.add_argument("--push", action="store_true", help="push the images to the registries that their names tell")
    parser.add_argument("--with-dependencies", action="store_true", help="also the services they depend on")


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Build images, those that do not depend on each other side by side."""
    project = loaded_project(wire, tuple(args.services))
    order.check_known(project, args.services)
    chosen = _chosen(project, args)
    if not chosen:
        wire.tell(MessageEvent(phase=Phase.WARNING, text="no service to build"))
        return 0
    if args.dry_run:
        for name in chosen:
            print(f"build image of {name}")
        return 0
    with buildflags.shown(wire, args) as view:
        builder = wire.service_builder(view, _options(args))
        if args.check:
            checked = [builder.check(project, project.services[name]) for name in chosen]
            return buildflags.report(checked, args.format, color=wire.color)
        images = ensure_images(project, chosen, wire.image_source(view), builder, ImageOptions(build=True))
        if args.push:
            from cais.cli.buildoutput import push

            push(_pushable(project, chosen), wire, view)
    if args.quiet:
        for name in chosen:
            print(images[name].id)
    return 0


def _chosen(project: Project, args: argparse.Namespace) -> tuple[str, ...]:
    """The services with a `build` section that are meant."""
    named = tuple(args.services)
    chosen = order.with_dependencies(project, named) if args.with_dependencies else named or tuple(project.services)
    return tuple(name for name in chosen if project.services[name].build is not None)


def _pushable(project: Project, services: tuple[str, ...]) -> tuple[str, ...]:
    """The names of services that name their image; the others' are made up and belong to this machine."""
    return tuple(image for name in services if (image := project.services[name].image))


def _options(args: argparse.Namespace) -> BuildOptions:
    return BuildOptions(
        no_cache=args.no_cache,
        pull=args.pull,
        arguments=buildflags.pairs(args.build_arg, "--build-arg"),
        ssh=tuple(args.ssh),
        host_ca=not args.no_host_ca,
    )
