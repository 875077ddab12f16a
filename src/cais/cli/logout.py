"""`cais logout`."""

from __future__ import annotations

import argparse

from cais.cli.wire import Wire


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `logout`."""
    parser.add_argument("server", nargs="?", default="", metavar="SERVER", help="the registry (default: Docker Hub)")


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Take the credentials away."""
    from cais.registry.login import forget, registry_name

    registry = registry_name(args.server)
    if args.dry_run:
        print(f"would log out of {registry}")
        return 0
    if forget(registry, wire.registries.docker_config):
        print(f"Removing login credentials for {registry}")
    else:
        print(f"Not logged in to {registry}")
    return 0
