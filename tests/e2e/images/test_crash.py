"""A process that is killed leaves a store that works on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from cais.images.store import ImageStore
from cais.linux import mount
from cais.locations import Locations

pytestmark = pytest.mark.root

WORKER = """
import os, sys
from cais.database import Database
from cais.images.model import ImageConfig
from cais.images.store import ImageStore
from cais.locations import Locations

place = Locations(root=sys.argv[1], run=sys.argv[1] + "/run")
store = ImageStore(place, Database(place.database))
with store.snapshots.prepare("") as layer:
    for n in range(20):
        open(f"{layer.merged}/{n}", "w").write(str(n))
    base = layer.commit(epoch_s=0)
print("ready", flush=True)
for number in range(1000):
    with store.snapshots.prepare(base) as layer:
        open(f"{layer.merged}/x", "w").write(str(number % 7))
        os.unlink(f"{layer.merged}/3")
        top = layer.commit(epoch_s=0)
    store.put_cached(str(number), top, {"n": str(number)})
    image = store.create(ImageConfig(architecture="amd64", os="linux"), top, references=["worker"])
    if number % 5 == 4:
        store.prune(cache=True)
"""


@pytest.mark.parametrize("seed", range(6))
def test_killed_at_any_instant(open_store: Callable[[], ImageStore], locations: Locations, seed: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, locations.root], stdout=subprocess.PIPE, env={**os.environ}
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    time.sleep(random.Random(seed).uniform(0, 0.3))
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()

    store = open_store()
    store.repair()
    assert mount.mounts_below(locations.root) == ()
    assert os.listdir(os.path.join(locations.snapshots, ".working")) == []
    for image in store.images():
        assert store.validate(image.id) == ()
    for row in store.records.rows.snapshots():
        assert os.path.isdir(store.snapshots.path(row.id))
    store.prune(unused=True, cache=True)
    assert os.listdir(locations.snapshots) == [".working"]
    assert store.records.blobs.digests() == []


def test_repair_leaves_what_is_being_made_alone(open_store: Callable[[], ImageStore]) -> None:
    store, other = open_store(), open_store()
    with store.snapshots.prepare("") as layer:
        base = layer.commit()
    with store.snapshots.prepare(base) as layer:
        assert other.repair() == 0
        with open(f"{layer.merged}/x", "w") as stream:
            stream.write("x")
        assert store.snapshots.path(layer.commit())
