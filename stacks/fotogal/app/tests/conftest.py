"""What several test modules use."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import world as worlds
from world import World

# Their assertions are to be explained as those of test modules are.
pytest.register_assert_rewrite("contract_catalogue", "contract_sql", "contract_objects", "postgres_server", "s3_server")

# What waits: for the pauses in which Oracle's SDKs try again, for processes that start and are killed.
PATIENT = {"test_objects_oci", "test_log_oci", "test_catalogue_nosql_oracle", "test_web_process"}


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Quick tests are over in half a minute; the patient ones come with all others of the stack."""
    if os.environ.get("CAIS_STACK_TESTS") == "all":
        return
    later = pytest.mark.skip(reason="takes its time: ./test stacks/fotogal runs it (or CAIS_STACK_TESTS=all)")
    for item in items:
        if item.path.stem in PATIENT:
            item.add_marker(later)


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
