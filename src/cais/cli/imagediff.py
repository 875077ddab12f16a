"""`cais image diff`."""

from __future__ import annotations

import argparse
import sys

from cais.cli.removing import need_image
from cais.cli.wire import Wire
from cais.errors import printable


def configure(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:  # argparse names no public type
    """The parser."""
    diff = commands.add_parser("diff", help="say which files of two images differ, and what of them; and their configs")
    diff.add_argument("before", metavar="IMAGE")
    diff.add_argument("after", metavar="IMAGE")
    diff.add_argument("--format", choices=("text", "json"), default="text", help="how it is shown")
    diff.add_argument("--ignore-times", action="store_true", help="files that only have another time are the same")
    diff.add_argument("--exit-code", action="store_true", help="end with 1 when they differ")
    diff.set_defaults(act=run)


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Compare two images of the store."""
    import msgspec

    from cais.images.diff import diff_images

    before, after = need_image(wire, args.before), need_image(wire, args.after)
    found = diff_images(before, after, times=not args.ignore_times)
    if args.format == "json":
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n")
    else:
        for aspect in found.config:
            print(f"config {printable(f'{aspect.what}: {aspect.before} -> {aspect.after}')}")
        for file in found.files:
            details = ", ".join(f"{aspect.what} ({aspect.before} -> {aspect.after})" for aspect in file.aspects)
            print(printable(f"{file.how[0].upper()} {file.path}{'  ' if details else ''}{details}"))
    return 1 if args.exit_code and not found.is_none else 0
