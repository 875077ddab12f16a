"""A real Docker engine to stand side by side with: unpacked and run by scripts/docker-engine.sh, stopped at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bench.docker import DockerTool, EngineUnavailable, docker_engine


@pytest.fixture(scope="session")
def docker() -> Iterator[DockerTool]:
    """`docker.ask("load", "-i", FILE)` and the like; `MeasureError` with the last lines when a command fails."""
    try:
        with docker_engine() as engine:
            yield engine
    except EngineUnavailable as error:
        pytest.skip(f"no Docker engine can be had: {error}")
