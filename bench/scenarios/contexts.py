"""Builds of a context of many files: nothing changed, one line changed; and a Python application from nothing."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.docker import DockerTool
from bench.lab import Lab
from bench.model import Figure, Round, Row, Side
from bench.programs import Place, call
from bench.scenarios.protocol import Rounds, Scenario

SIZES = (200, 10_000)
ROWS = (
    *(
        row
        for count in SIZES
        for row in (
            Row(key=f"cached-{count}", title=f"build, context of {count:,} files, all cached"),
            Row(
                key=f"late-{count}",
                title=f"build, context of {count:,} files, one line changed in what a late COPY takes",
            ),
        )
    ),
    Row(
        key="cold-pip", title="build of the visitors' backend with `--no-cache` (pip installs; its downloads are kept)"
    ),
)
BASE = "python:3.13-slim"
# What such Dockerfiles are: something that seldom changes first, the code last.
DOCKERFILE = f"""FROM {BASE}
WORKDIR /app
COPY requirements.txt .
RUN cp requirements.txt installed.txt
COPY src ./src
CMD ["python3", "src/000/000.py"]
"""
LINES = 40
FILES_IN_FOLDER = 100
TIMES_CACHED = 3
# Only what is asked in the bench is kept apart from what others build: neither tool is told to be quiet.
Build = Callable[..., float]


def _context(lab: Lab, side: Side, count: int) -> str:
    """A context of `count` small texts below `src`, the same for both sides."""
    folder = lab.folder(side.name.lower(), f"context-{count}")
    shutil.rmtree(folder)
    chance = random.Random(count)
    for number in range(count):
        path = _file(folder, number)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        _write(path, "".join(f"value_{line} = {chance.getrandbits(64)}\n" for line in range(LINES)))
    _write(os.path.join(folder, "requirements.txt"), "flask==3.1.0\n")
    _write(os.path.join(folder, "Dockerfile"), DOCKERFILE)
    return folder


def _file(folder: str, number: int) -> str:
    return os.path.join(folder, "src", f"{number // FILES_IN_FOLDER:03d}", f"{number % FILES_IN_FOLDER:03d}.py")


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as stream:
        stream.write(text)


def _round(build: Build, contexts: dict[int, str], application: str) -> Round:
    # No two changes are the same, not even of two runs: a cache of an earlier run must not know it.
    changes = itertools.count(time.time_ns())

    def go(wanted: frozenset[str]) -> Iterator[Figure]:
        for count, folder in contexts.items():
            if not wanted & {f"cached-{count}", f"late-{count}"}:
                continue
            _write(_file(folder, count // 2), f"changed = {next(changes)}\n")
            yield f"late-{count}", build(f"bench-context-{count}", folder)
            for _ in range(TIMES_CACHED):
                yield f"cached-{count}", build(f"bench-context-{count}", folder)
        if "cold-pip" in wanted:
            yield "cold-pip", build("bench-cold", application, "--no-cache")

    return go


def _cais_build(lab: Lab) -> Build:
    def build(name: str, folder: str, *flags: str) -> float:
        return call(
            (*lab.cais.compose, "image", "build", *flags, "-t", name, folder), lab.cais.place, timeout_s=300
        ).seconds

    return build


def _docker_build(docker: DockerTool) -> Build:
    place = Place(env={**docker.env, "DOCKER_BUILDKIT": "1"}, network=docker.network)

    def build(name: str, folder: str, *flags: str) -> float:
        return call(("docker", "build", *flags, "-t", name, folder), place, timeout_s=300).seconds

    return build


@contextmanager
def _open(lab: Lab) -> Iterator[Rounds]:
    builds: dict[Side, Build] = {Side.CAIS: _cais_build(lab)}
    if lab.docker:
        builds[Side.DOCKER] = _docker_build(lab.docker)
    rounds: dict[Side, Round] = {}
    for tool in lab.tools:
        application = os.path.join(lab.stack(tool).folder, "backend")  # built, so that the base images are there
        contexts = {count: _context(lab, tool.side, count) for count in SIZES}
        rounds[tool.side] = _round(builds[tool.side], contexts, application)
    yield rounds


SCENARIO = Scenario(name="contexts", rows=ROWS, open=_open)
