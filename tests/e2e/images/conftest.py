from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cais.database import Database
from cais.images.store import ImageStore
from cais.linux import mount
from cais.locations import Locations


@pytest.fixture
def locations(tmp_path: Path) -> Iterator[Locations]:
    yield Locations(root=str(tmp_path / "cais"), run=str(tmp_path / "run"))
    for point in mount.mounts_below(str(tmp_path)):
        mount.unmount(point, lazy=True)


@pytest.fixture
def open_store(locations: Locations) -> Iterator[Callable[[], ImageStore]]:
    opened: list[tuple[ImageStore, Database]] = []

    def open_one() -> ImageStore:
        database = Database(locations.database)
        store = ImageStore(locations, database)
        opened.append((store, database))
        return store

    yield open_one
    for store, database in opened:
        store.close()
        database.close()


@pytest.fixture
def store(open_store: Callable[[], ImageStore]) -> ImageStore:
    return open_store()
