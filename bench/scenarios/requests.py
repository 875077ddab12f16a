"""Requests per second for a static file of nginx: by the published port and by the container's own address."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from contextlib import contextmanager

from bench.floor import FRONTEND_PORT, Floor, floor
from bench.lab import STACK_PORTS, Lab, leaving_nothing
from bench.model import Figure, Round, Row, Side, Unit
from bench.programs import MeasureError, Place, call
from bench.scenarios.protocol import Rounds, Scenario
from bench.scenarios.stack import stack_images
from bench.tools import Project

ROWS = (
    Row(
        key="requests-port",
        title="static file, published port on 127.0.0.1; floor: nginx by hand",
        unit=Unit.PER_SECOND,
    ),
    Row(key="requests-address", title="static file, the container's address", unit=Unit.PER_SECOND),
    Row(key="requests-ratio", title="published port ÷ address, of measurements a second apart", unit=Unit.TIMES),
)
FILE = "/style.css"
CONTAINER_PORT = 8080
# One thread of wrk beside nginx's workers; bounded in time and connections.
LOAD = ("wrk", "-t1", "-c32", "-d1s")
# There and back, so that neither address always meets the machine earlier; often, because one second of one differs much from the next.
_THERE = ("requests-port", "requests-address", "requests-address", "requests-port")
ORDER = (*_THERE, *reversed(_THERE), *_THERE)


def _per_second(url: str, place: Place) -> float:
    said = call((*LOAD, url), place).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise MeasureError(f"not all requests succeeded:\n{said}")
    found = re.search(r"Requests/sec:\s*([0-9.]+)", said)
    if found is None:
        raise MeasureError(f"wrk says no figure:\n{said}")
    return float(found[1])


def _compose_round(project: Project) -> Round:
    def go(_wanted: frozenset[str]) -> Iterator[Figure]:
        project.run("up", "-d", "--wait", "--no-deps", "frontend")
        place = project.tool.place
        targets = {
            "requests-port": f"127.0.0.1:{STACK_PORTS[project.tool.side]}",
            "requests-address": f"{project.address('frontend')}:{CONTAINER_PORT}",
        }
        figures = [(key, _per_second(f"http://{targets[key]}{FILE}", place)) for key in ORDER]
        yield from figures
        port, address = (sum(value for key, value in figures if key == wanted) for wanted in targets)
        yield "requests-ratio", port / address
        project.run("down")

    return go


def _floor_round(servers: Floor, lab: Lab) -> Round:
    def go(_wanted: frozenset[str]) -> Iterator[Figure]:
        with servers.frontend_only():
            for _ in range(2):
                yield "requests-port", _per_second(f"http://127.0.0.1:{FRONTEND_PORT}{FILE}", Place(env=lab.env))

    return go


@contextmanager
def _open(lab: Lab) -> Iterator[Rounds]:
    with contextlib.ExitStack() as opened:
        rounds: dict[Side, Round] = {}
        for tool in lab.tools:
            rounds[tool.side] = _compose_round(opened.enter_context(leaving_nothing(lab.stack(tool))))
        servers = opened.enter_context(floor(stack_images(lab), lab.folder("floor"), lab.env))
        rounds[Side.FLOOR] = _floor_round(servers, lab)
        yield rounds


SCENARIO = Scenario(name="requests", rows=ROWS, open=_open, most_runs=3)
