import os
import shutil
from collections.abc import Iterator

import pytest

from cais.bases import catalogue, make
from cais.database import Database
from cais.events import NullSink
from cais.images.model import StoredImage
from cais.images.store import ImageStore
from cais.locations import Locations


class Workshop:
    """A store of its own, with bases made as tests ask for them."""

    def __init__(self, root: str) -> None:
        self.locations = Locations(root, os.path.join(root, "run"))
        self.store = ImageStore(self.locations, Database(self.locations.database))

    def image(self, reference: str) -> StoredImage:
        recipe = catalogue.find(reference)
        assert recipe is not None
        return make.make(recipe, self.store, events=NullSink(), locations=self.locations)


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    root = str(tmp_path_factory.mktemp("bases"))
    workshop = Workshop(root)
    yield workshop
    workshop.store.close()
    shutil.rmtree(root)
