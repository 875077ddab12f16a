"""kill -9 of Cais at any instant leaves what the next operation puts in order."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from tests.e2e.engine.surroundings import World

from cais.engine.native.records import Phase
from cais.engine.protocol import State
from cais.images.model import RunConfig
from cais.linux import mount

pytestmark = pytest.mark.root

ROUNDS = 25
IMAGE_CONFIG = RunConfig(cmd=("sleep", "1000"), volumes={"/data": {}})

_PROGRAM = """
import sys
from tests.e2e.engine.surroundings import World
from cais.images.model import RunConfig
from cais.locations import Locations
world = World(Locations(root={root!r}, run={run!r}), {image!r}, RunConfig(cmd=("sleep", "1000"), volumes={{"/data": {{}}}}))
engine = world.engine
engine.containers()
print("ready", flush=True)
while True:
    for name in ("a", "b"):
        state = engine.container(name) or engine.create(world.spec(name))
        engine.arm(state.id)
        engine.start(state.id)
        engine.stop(state.id, timeout_s=0)
        engine.start(state.id)
        engine.remove(state.id, force=True, volumes=True)
"""


def listed(folder: str) -> list[str]:
    return os.listdir(folder) if os.path.isdir(folder) else []


def leftovers(world: World) -> list[str]:
    """What is there and belongs to no container."""
    records = {record.id: record for record in world.engine._records.containers()}
    found = [f"{one.name} is {one.life.phase.value}" for one in records.values() if one.life.phase in UNFINISHED]
    for folder in (
        world.locations.containers,
        *(f"{world.locations.run}/{name}" for name in ("containers", "runtime")),
    ):
        found += [f"{folder}/{name}" for name in listed(folder) if name not in records]
    found += [path for path in mount.mounts_below(world.locations.containers) if path.split("/")[-2] not in records]
    owners = {one.container for one in world.engine._records.volumes()}
    found += [f"volume of {owner}" for owner in owners - set(records)]
    names = {one.spec.name for one in world.engine._records.volumes()}
    found += [f"volume folder {name}" for name in listed(world.locations.volumes) if name not in names]
    return found


def repair(world: World) -> None:
    """A child that the killed process had just forked holds its lock until exec, and repair leaves alone what is locked."""
    deadline = time.monotonic() + 5
    world.engine.repair()
    while leftovers(world) and time.monotonic() < deadline:
        time.sleep(0.01)
        world.engine.repair()


UNFINISHED = (Phase.CREATING, Phase.STARTING, Phase.REMOVING)


def test_killed_at_any_instant(world: World, busybox_root: str) -> None:
    seed = random.randrange(1 << 30)
    generator = random.Random(seed)
    code = _PROGRAM.format(root=world.locations.root, run=world.locations.run, image=busybox_root)
    environment = {**os.environ, "PYTHONPATH": ":".join(path for path in sys.path if path)}
    for number in range(ROUNDS):
        caller = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment)
        assert caller.stdout is not None
        caller.stdout.readline()
        time.sleep(generator.random() * 0.15)
        assert caller.poll() is None, f"round {number} of seed {seed}: the caller ended by itself"
        caller.send_signal(signal.SIGKILL)
        caller.communicate()
        repair(world)
        assert leftovers(world) == [], f"round {number} of seed {seed}"
    for state in world.engine.containers():
        assert world.engine.start(state.id).state is State.RUNNING
        world.engine.remove(state.id, force=True, volumes=True)
    assert leftovers(world) == []
    assert listed(world.locations.volumes) == []
