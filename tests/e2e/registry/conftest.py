from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.harness import Cais
from tests.e2e.registry.debian import DebianRegistry, debian_registry


@pytest.fixture
def cais(tmp_path: Path) -> Cais:
    """`cais` with a store and a home of the test's own."""
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    home = {"HOME": str(tmp_path / "home"), "DOCKER_CONFIG": "", "CAIS_REGISTRIES": ""}
    return Cais(tmp_path / "root", tmp_path / "work", home)


@pytest.fixture
def debian(tmp_path: Path) -> Iterator[DebianRegistry]:
    """Debian's registry, with plain HTTP and without a login."""
    with debian_registry(tmp_path / "registry") as running:
        yield running
