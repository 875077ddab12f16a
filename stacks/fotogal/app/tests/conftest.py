"""What several test modules use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import world as worlds
from world import World

# Their assertions are to be explained as those of test modules are.
pytest.register_assert_rewrite("contract_catalogue", "contract_sql", "contract_objects", "postgres_server", "s3_server")


@pytest.fixture(scope="session")
def made_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world") / "made"
    worlds.make(folder)
    return folder


@pytest.fixture
def world(made_world: Path, tmp_path: Path) -> Iterator[World]:
    """The people of `world`, for one test."""
    copied = worlds.copy(made_world, tmp_path / "world")
    yield copied
    copied.close()
