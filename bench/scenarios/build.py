"""A build in which nothing has changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bench.lab import Lab
from bench.model import Figure, Round, Row
from bench.scenarios.protocol import Rounds, Scenario
from bench.tools import Project

ROWS = (Row(key="build", title="`build` of the stack's images, all cached"),)
TIMES = 3


def _round(project: Project) -> Round:
    def go(_wanted: frozenset[str]) -> Iterator[Figure]:
        for _ in range(TIMES):
            yield "build", project.seconds("build")

    return go


@contextmanager
def _open(lab: Lab) -> Iterator[Rounds]:
    yield {tool.side: _round(lab.stack(tool)) for tool in lab.tools}


SCENARIO = Scenario(name="build", rows=ROWS, open=_open)
