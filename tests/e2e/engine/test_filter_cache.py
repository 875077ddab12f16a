"""A seccomp filter made once is the same filter the next time, also for processes that join later."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from tests.e2e.engine.surroundings import World

from cais.engine.native.filtercache import ANNOTATION
from cais.engine.protocol import ContainerState, ExecSpec, State

pytestmark = pytest.mark.root


def start(world: World, name: str, **fields: object) -> ContainerState:
    return world.engine.start(world.engine.create(world.spec(name, **fields)).id)


def lent(world: World, state: ContainerState) -> bool:
    config = Path(world.engine._parts.folder(state.id).bundle, "config.json").read_bytes()
    return ANNOTATION in json.loads(config).get("annotations", {})


def filter_of(world: World, state: ContainerState) -> bytes:
    return Path(world.engine._parts.runtime("").state, state.id, "seccomp.bpf").read_bytes()


def filters_of(pid: int) -> str:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return " ".join(line for line in lines if line.startswith("Seccomp"))


def test_the_second_container_has_the_filter_of_the_first(world: World) -> None:
    if world.engine._parts.runtime("").name != "crun":
        pytest.skip("only crun takes a ready filter")
    first, second = start(world, "one"), start(world, "two")
    assert (lent(world, first), lent(world, second)) == (False, True)
    assert filter_of(world, first) == filter_of(world, second) != b""
    assert filters_of(first.pid) == filters_of(second.pid) == "Seccomp:\t2 Seccomp_filters:\t1"


def test_processes_that_join_are_filtered_too(world: World) -> None:
    start(world, "one")
    for name in ("one", "two"):
        state = start(world, name) if name == "two" else world.engine.container("one")
        assert state is not None
        line = "grep Seccomp: /proc/self/status > /tmp/seen"
        assert world.engine.execute(state.id, ExecSpec(argv=("sh", "-c", line))) == 0
        seen = Path(world.engine._parts.folder(state.id).merged, "tmp/seen").read_text()
        assert seen.split() == ["Seccomp:", "2"]


def test_another_profile_is_another_filter(world: World) -> None:
    if world.engine._parts.runtime("").name != "crun":
        pytest.skip("only crun takes a ready filter")
    plain, more = start(world, "one"), start(world, "two", cap_add=("SYS_ADMIN",))
    assert not lent(world, more)
    assert filter_of(world, plain) != filter_of(world, more)
    unconfined = start(world, "three", security_opt=("seccomp=unconfined",))
    assert not lent(world, unconfined)
    assert filters_of(unconfined.pid).split()[1] == "0"


def test_a_runtime_that_changed_gets_no_old_filter(world: World) -> None:
    parts = world.engine._parts
    if parts.runtime("").name != "crun":
        pytest.skip("only crun takes a ready filter")
    start(world, "one")
    kept = set(os.listdir(Path(parts.locations.run, "filters")))
    status = os.stat(parts.runtime("").program)
    try:
        os.utime(parts.runtime("").program, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
        assert not lent(world, start(world, "two"))
    finally:
        os.utime(parts.runtime("").program, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert len(set(os.listdir(Path(parts.locations.run, "filters"))) - kept) == 1


def test_a_start_leaves_no_thread_that_moves_processes(world: World) -> None:
    import threading

    state = start(world, "one")
    assert state.state is State.RUNNING
    deadline = time.monotonic() + 5
    while any(thread.name == "cais-cgroup" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
