"""`cais build`."""

from __future__ import annotations

import argparse

from cais.cli.target import loaded_project
from cais.cli.wire import Wire
from cais.errors import UsageError
from cais.events import MessageEvent, Phase
from cais.project import order
from cais.project.ensure import ImageOptions, ensure_images


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `build`."""
    parser.add_argument("services", nargs="*", metavar="SERVICE")
    parser.add_argument(
        "--build-arg",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a build argument; without a value the environment's",
    )
    parser.add_argument("--no-cache", action="store_true", help="run every step again")
    parser.add_argument("--pull", action="store_true", help="ask for newer base images")
    parser.add_argument("--with-dependencies", action="store_true", help="also the services they depend on")
    parser.add_argument(
        "--no-host-ca", action="store_true", help="do not offer this machine's CA certificates and proxies to RUN"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress")


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Build images, those that do not depend on each other side by side."""
    project = loaded_project(wire, tuple(args.services))
    order.check_known(project, args.services)
    chosen = (
        order.with_dependencies(project, args.services)
        if args.with_dependencies
        else tuple(args.services) or tuple(project.services)
    )
    built = tuple(name for name in chosen if project.services[name].build is not None)
    if not built:
        wire.tell(MessageEvent(phase=Phase.WARNING, text="no service to build"))
        return 0
    if args.dry_run:
        for name in built:
            print(f"build image of {name}")
        return 0
    view = wire.view(quiet=args.quiet)
    try:
        builder = wire.service_builder(
            view,
            no_cache=args.no_cache,
            pull=args.pull,
            arguments=_arguments(args.build_arg),
            host_ca=not args.no_host_ca,
        )
        images = ensure_images(project, built, wire.image_source(view), builder, ImageOptions(build=True))
    finally:
        view.close()
    if args.quiet:
        for name in built:
            print(images[name].id)
    return 0


def _arguments(words: list[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not name:
            raise UsageError(f'--build-arg wants NAME=VALUE, not "{word}"')
        found[name] = value if equals else None
    return found
