"""Many services that only sleep: what the tool itself costs, in time and in memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager

from bench import processes
from bench.lab import SLEEPER, Lab, leaving_nothing
from bench.model import Figure, Round, Row, Side, Unit
from bench.scenarios.protocol import Opener, Rounds, Scenario
from bench.tools import Project

FEW, MANY, CROWD = 10, 50, 100
MEMORY_ROWS = frozenset({"memory-service", "memory-daemon"})


def _rows(count: int) -> tuple[Row, ...]:
    return (
        Row(key=f"up-{count}", title=f"{count} services that sleep: `up -d`"),
        Row(key=f"down-{count}", title=f"{count} services that sleep: `down -t 0`"),
    )


MEMORY = (
    Row(key="memory-service", title="memory (PSS) for each further idle service", unit=Unit.MEGABYTES),
    Row(key="memory-daemon", title=f"memory (PSS) of supervisor or daemons, {MANY} services", unit=Unit.MEGABYTES),
)


def _compose(count: int) -> str:
    return "services:\n" + "".join(f"  s{number}:\n    image: {SLEEPER}\n" for number in range(count))


def _few_and_many(few: Project, many: Project) -> Round:
    """Memory a service is the slope between the two sizes, so that what is there once falls out, and what grows is counted."""

    def go(wanted: frozenset[str]) -> Iterator[Figure]:
        tool = few.tool
        yield f"up-{FEW}", few.seconds("up", "-d")
        with_few = processes.pss_mb(tool.own_pids())
        yield f"down-{FEW}", few.seconds("down", "-t", "0")
        if not wanted & ({row.key for row in _rows(MANY)} | MEMORY_ROWS):
            return
        yield f"up-{MANY}", many.seconds("up", "-d")
        with_many = processes.pss_mb(tool.own_pids())
        yield "memory-service", (with_many - with_few) / (MANY - FEW)
        yield "memory-daemon", processes.pss_mb(tool.daemon_pids())
        yield f"down-{MANY}", many.seconds("down", "-t", "0")

    return go


def _crowd(project: Project) -> Round:
    def go(_wanted: frozenset[str]) -> Iterator[Figure]:
        yield f"up-{CROWD}", project.seconds("up", "-d")
        yield f"down-{CROWD}", project.seconds("down", "-t", "0")

    return go


def _opener(*sizes: int) -> Opener:
    @contextmanager
    def open_sizes(lab: Lab) -> Iterator[Rounds]:
        lab.sleeper()
        with contextlib.ExitStack() as opened:
            rounds: dict[Side, Round] = {}
            for tool in lab.tools:
                made = [lab.project(tool, f"idle-{size}", _compose(size)) for size in sizes]
                projects = [opened.enter_context(leaving_nothing(project)) for project in made]
                rounds[tool.side] = _crowd(*projects) if sizes == (CROWD,) else _few_and_many(*projects)
            yield rounds

    return open_sizes


IDLE = Scenario(name="idle", rows=(*_rows(FEW), *_rows(MANY), *MEMORY), open=_opener(FEW, MANY), most_runs=3)
CROWDED = Scenario(name="crowd", rows=_rows(CROWD), open=_opener(CROWD), most_runs=3, on_request=True)
