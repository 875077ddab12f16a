"""`python -m bench`: measure what was asked for and report."""

from __future__ import annotations

import contextlib
import datetime
import functools
import os
import sys
import time
from collections.abc import Iterator

from bench import lab as laboratory
from bench.cais import CaisTool
from bench.docker import DockerTool, EngineUnavailable, docker_engine
from bench.lab import REPOSITORY, Lab
from bench.measure import interleave
from bench.model import Results
from bench.options import Options, parse
from bench.programs import MeasureError, clean_env
from bench.report import Run, markdown
from bench.scenarios.table import SCENARIOS


def main() -> int:
    """Exit code 1 when a side could not be measured."""
    options = parse(sys.argv[1:])
    if options.list_only:
        for scenario in SCENARIOS:
            for row in scenario.rows:
                print(f"{scenario.name:<9} {row.key:<17} {row.title}")
        return 0
    if os.getuid():
        sys.exit("bench/run needs root: the floor is made of mounts and chroots")
    began = time.monotonic()
    with contextlib.ExitStack() as opened:
        results, facts = _measure(options, opened)
    run = Run(
        date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        facts=facts,
        rows=[row for scenario in options.scenarios() for row in options.rows_of(scenario)],
        results=results,
        took_s=time.monotonic() - began,
    )
    text = markdown(run)
    print(text)
    if options.output:
        with open(options.output, "w", encoding="utf-8") as stream:
            stream.write(text)
        _tell(f"written to {options.output}")
    return 1 if results.failures else 0


def _measure(options: Options, opened: contextlib.ExitStack) -> tuple[Results, tuple[str, ...]]:
    env = _environment()
    failures: list[str] = []
    docker = opened.enter_context(_docker(failures)) if options.docker else None
    cais = CaisTool(root=options.root, compose=options.cais, env={**env, "CAIS_OFFLINE": "1"})
    lab = Lab(root=options.root, cais=cais, docker=docker, env=env, tell=_tell)
    facts = laboratory.facts(lab)
    samples = {}
    for scenario in options.scenarios():
        wanted = frozenset(row.key for row in options.rows_of(scenario))
        try:
            with scenario.open(lab) as rounds:
                found = interleave(
                    rounds,
                    wanted,
                    runs=min(options.runs, scenario.most_runs),
                    warm_ups=options.warm_ups,
                    tell=functools.partial(_tell_of, scenario.name),
                )
        except MeasureError as error:
            failures.append(f"{scenario.name}: {error}")
            _tell(failures[-1])
            continue
        samples.update({place: sample for place, sample in found.samples.items() if place[0] in wanted})
        failures += [f"{scenario.name}: {failure}" for failure in found.failures]
    return Results(samples, tuple(failures)), facts


@contextlib.contextmanager
def _docker(failures: list[str]) -> Iterator[DockerTool | None]:
    try:
        with docker_engine() as engine:
            yield engine
    except EngineUnavailable as error:
        failures.append(f"no Docker engine: {error}")
        _tell(failures[-1])
        yield None


def _environment() -> dict[str, str]:
    """The checkout is measured as it is installed; a virtual environment shared with another checkout is told where to look."""
    shared = os.path.islink(os.path.join(REPOSITORY, ".venv"))
    return clean_env(PYTHONPATH=os.path.join(REPOSITORY, "src")) if shared else clean_env()


def _tell_of(scenario: str, text: str) -> None:
    _tell(f"{scenario}: {text}")


def _tell(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
