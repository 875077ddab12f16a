"""`cais create`: `up --no-start`."""

from __future__ import annotations

import argparse

from cais.cli import up
from cais.cli.wire import Wire


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `create`: those of `up`."""
    up.configure(parser)


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Create containers without starting them."""
    args.no_start = True
    return up.run(args, wire)
