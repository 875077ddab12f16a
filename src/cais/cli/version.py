"""`cais version`."""

from __future__ import annotations

import argparse

from cais.cli.wire import Wire


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `version`."""
    parser.add_argument("--short", action="store_true", help="only the number")
    parser.add_argument("-f", "--format", choices=("pretty", "json"), default="pretty", help="how it is shown")


def run(args: argparse.Namespace, wire: Wire) -> int:  # noqa: ARG001  # every verb has this signature
    """Print the version."""
    from cais.version import VERSION

    if args.format == "json":
        print(f'{{"version":"{VERSION}"}}')
    else:
        print(VERSION if args.short else f"Cais version {VERSION}")
    return 0
