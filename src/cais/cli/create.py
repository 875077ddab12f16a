"""`cais create`: `up --no-start`."""

from __future__ import annotations

import argparse

from cais.cli import up
from cais.cli.wire import Wire


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `create`: those of `up` that concern containers and images."""
    up.configure_creation(parser)
    parser.set_defaults(detach=False, wait=False, wait_timeout=None, no_start=True)


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Create containers without starting them."""
    return up.run(args, wire)
