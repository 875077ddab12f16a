"""A store with a busybox image to build from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.build.workshop import Workshop, make_base


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    context = tmp_path / "context"
    context.mkdir()
    workshop = Workshop(context, tmp_path / "cais")
    make_base(workshop, tmp_path / "rootfs")
    yield workshop
    assert workshop.leftovers() == []
    workshop.store.close()
    workshop.database.close()
