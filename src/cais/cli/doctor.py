"""`cais doctor`: what this machine can do, what is missing and how to get it."""

from __future__ import annotations

import argparse
import sys

import msgspec

from cais.cli.diagnosis import Finding, Grade, diagnose
from cais.cli.wire import Wire

MARKS = {Grade.OK: "ok", Grade.REMARK: "note", Grade.MISSING: "MISSING"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Flags of `doctor`."""
    parser.add_argument("--format", choices=("table", "json"), default="table", help="how it is shown")


def run(args: argparse.Namespace, wire: Wire) -> int:
    """Print findings; 1 when something is missing that `cais up` needs."""
    findings = diagnose(wire.locations, wire.uid)
    if args.format == "json":
        sys.stdout.write(msgspec.json.encode(findings).decode() + "\n")
    else:
        sys.stdout.write("".join(_line(finding) for finding in findings))
        packages = [f.package for f in findings if f.grade is Grade.MISSING and f.package]
        if packages:
            sys.stdout.write(
                f"\nto install what is missing:\n  apt-get install --no-install-recommends {' '.join(packages)}\n"
            )
    return 1 if any(f.grade is Grade.MISSING for f in findings) else 0


def _line(finding: Finding) -> str:
    hint = f"\n{' ' * 10}{finding.hint}" if finding.hint else ""
    return f"{MARKS[finding.grade]:<8}  {finding.subject}: {finding.text}{hint}\n"
