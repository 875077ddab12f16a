"""The command line."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

import msgspec

from bench.lab import REPOSITORY
from bench.model import Row
from bench.scenarios.protocol import Scenario
from bench.scenarios.table import SCENARIOS

ROOT = "/var/tmp/cais-bench"
OUTPUT = os.path.join(REPOSITORY, "bench", "results.md")
CAIS = os.path.join(REPOSITORY, ".venv", "bin", "cais")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure, and how often."""

    wanted: frozenset[str]
    runs: int
    warm_ups: int
    docker: bool
    root: str
    cais: tuple[str, ...]
    output: str | None
    list_only: bool

    def scenarios(self) -> tuple[Scenario, ...]:
        """Those with a wanted row."""
        return tuple(scenario for scenario in SCENARIOS if self.rows_of(scenario))

    def rows_of(self, scenario: Scenario) -> tuple[Row, ...]:
        """A scenario's wanted rows."""
        return tuple(row for row in scenario.rows if row.key in self.wanted)


def parse(argv: Sequence[str]) -> Options:
    """Read the command line; leaves with a message when it is wrong."""
    parser = argparse.ArgumentParser(prog="bench/run", description="Measures Cais beside Docker Compose and the floor.")
    parser.add_argument("--only", metavar="ROW,...", help="rows or scenarios (--list shows them)")
    parser.add_argument("--runs", type=_positive, default=5, help="measured rounds (default 5)")
    parser.add_argument("--warm-ups", type=_positive, default=1, help="rounds thrown away (default 1)")
    parser.add_argument("--no-docker", action="store_true", help="without a Docker engine")
    parser.add_argument("--root", default=ROOT, help=f"where everything is kept between runs (default {ROOT})")
    parser.add_argument("--cais", default=CAIS, help="the command to measure (default: this checkout's)")
    parser.add_argument("--output", help="the report's file (default: bench/results.md, when everything is measured)")
    parser.add_argument("--list", action="store_true", help="show the rows and leave")
    args = parser.parse_args(argv)
    usual = {row.key for scenario in SCENARIOS if not scenario.on_request for row in scenario.rows}
    wanted = _chosen(args.only, parser) if args.only else frozenset(usual)
    whole = wanted >= usual and not args.no_docker
    return Options(
        wanted=wanted,
        runs=args.runs,
        warm_ups=args.warm_ups,
        docker=not args.no_docker,
        root=os.path.abspath(args.root),
        cais=tuple(args.cais.split()),
        output=args.output or (OUTPUT if whole else None),
        list_only=args.list,
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("a whole number from 1 on")
    return int(text)


def _chosen(text: str, parser: argparse.ArgumentParser) -> frozenset[str]:
    chosen: set[str] = set()
    for word in text.split(","):
        found = [row.key for scenario in SCENARIOS for row in scenario.rows if word in {row.key, scenario.name}]
        if not found:
            parser.error(f'no row or scenario "{word}" (--list shows them)')
        chosen.update(found)
    return frozenset(chosen)
