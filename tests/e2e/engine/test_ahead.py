"""A start made ahead: nobody sees it, and whatever happens to it, the container starts or goes as any other."""

from __future__ import annotations

import os
import signal
import time

import pytest
from tests.e2e.engine.surroundings import World

from cais.engine.native import launch
from cais.engine.native.records import Phase
from cais.engine.native.runtime import Runtime
from cais.engine.protocol import ExecSpec, MountKind, MountSpec, State
from cais.errors import CaisError
from cais.linux import mount

pytestmark = pytest.mark.root


def armed(world: World, name: str = "a", *argv: str, **fields: object) -> str:
    container_id = world.engine.create(world.spec(name, *argv, **fields)).id
    assert world.engine.arm(container_id)
    return container_id


def waiting_pid(world: World, container_id: str) -> int:
    life = world.engine._records.need(container_id).life
    assert life.phase is Phase.ARMED
    return life.pid


def ended(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
        time.sleep(0.005)
    return not os.path.exists(f"/proc/{pid}")


def test_it_is_created_to_everybody_until_it_is_started(world: World) -> None:
    container_id = armed(world)
    pid = waiting_pid(world, container_id)
    seen = world.engine.container("a")
    assert seen is not None
    assert (seen.state, seen.pid, seen.started_at) == (State.CREATED, 0, 0.0)
    assert world.engine.processes(container_id) == ()
    with pytest.raises(CaisError, match="is not running"):
        world.engine.execute(container_id, ExecSpec(argv=("true",)))
    assert world.engine.settle(container_id).state is State.CREATED
    running = world.engine.start(container_id)
    assert (running.state, running.pid) == (State.RUNNING, pid)
    assert world.engine.capture(container_id, ExecSpec(argv=("echo", "hello"))).output == "hello\n"


def test_what_it_writes_and_how_it_ends_is_kept(world: World) -> None:
    container_id = armed(world, "a", "sh", "-c", "echo begun; exit 7")
    world.engine.start(container_id)
    deadline = time.monotonic() + 10
    while (state := world.engine.settle(container_id)).state is State.RUNNING and time.monotonic() < deadline:
        time.sleep(0.005)
    assert (state.state, state.exit_code) == (State.EXITED, 7)
    assert [line.text for line in world.engine.logs(container_id)] == ["begun"]
    assert not world.engine.arm(container_id), "a second run finds what the first one left, which may change still"


def test_undone_it_leaves_a_created_container(world: World) -> None:
    container_id = armed(world)
    pid = waiting_pid(world, container_id)
    world.engine.disarm(container_id)
    assert ended(pid)
    assert world.engine._records.need(container_id).life.phase is Phase.CREATED
    assert os.listdir(os.path.join(world.locations.run, "runtime")) == []
    assert [path for path, _, _ in os.walk("/sys/fs/cgroup") if container_id in path] == []
    world.engine.disarm(container_id)
    assert world.engine.start(container_id).state is State.RUNNING
    world.engine.disarm(container_id)
    assert world.engine.settle(container_id).state is State.RUNNING


def test_removed_it_leaves_nothing(world: World) -> None:
    container_id = armed(world)
    pid = waiting_pid(world, container_id)
    world.engine.remove(container_id)
    assert ended(pid)
    assert world.engine.container("a") is None
    assert os.listdir(os.path.join(world.locations.run, "runtime")) == []
    assert mount.mounts_below(world.locations.root) == ()
    world.engine.disarm(container_id)


def test_stopped_it_starts_later(world: World) -> None:
    container_id = armed(world)
    world.engine.stop(container_id)
    seen = world.engine.container("a")
    assert seen is not None
    assert (seen.state, seen.manually_stopped) == (State.CREATED, True)
    assert world.engine.start(container_id, automatic=True).state is State.CREATED
    assert world.engine.start(container_id).state is State.RUNNING


def test_a_process_killed_while_it_waited_is_made_again(world: World) -> None:
    container_id = armed(world)
    pid = waiting_pid(world, container_id)
    os.kill(pid, signal.SIGKILL)
    assert ended(pid)
    running = world.engine.start(container_id)
    assert running.state is State.RUNNING
    assert running.pid != pid


def test_a_process_killed_at_the_very_moment_it_is_let_go(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    container_id = armed(world)
    pid = waiting_pid(world, container_id)
    os.kill(pid, signal.SIGKILL)
    assert ended(pid)
    with monkeypatch.context() as patch:
        patch.setattr(launch, "waits", lambda *_: True)  # it was there when it was looked at
        with pytest.raises(CaisError, match="cannot start"):
            world.engine.start(container_id)
    assert world.engine.start(container_id).state is State.RUNNING


def test_a_runtime_that_waits_for_ever_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    container_id = armed(world)
    argv = Runtime.argv

    def hanging(self: Runtime, *arguments: str) -> tuple[str, ...]:
        return ("sleep", "1000") if arguments[0] == "start" else argv(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(launch, "LET_GO_S", 0.2)
        patch.setattr(Runtime, "argv", hanging)
        with pytest.raises(CaisError, match=r"did not begin within 0\.2 s"):
            world.engine.start(container_id)
    assert world.engine.start(container_id).state is State.RUNNING


def test_a_start_interrupted_after_it_was_let_go_counts(world: World) -> None:
    container_id = armed(world)
    running = world.engine.start(container_id)
    world.engine._records.change(container_id, phase=Phase.STARTING, pid=0)
    assert world.engine.settle(container_id).pid == running.pid


def test_a_command_that_is_not_there_is_said_by_the_start(world: World) -> None:
    container_id = world.engine.create(world.spec("a", "/nosuch")).id
    assert not world.engine.arm(container_id)
    assert world.engine._records.need(container_id).life.phase is Phase.CREATED
    with pytest.raises(CaisError, match="/nosuch"):
        world.engine.start(container_id)


def test_a_file_that_others_may_still_replace_is_not_taken_early(
    world: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    source = tmp_path_factory.mktemp("host") / "settings"
    source.write_text("early")
    bound = MountSpec(kind=MountKind.BIND, source=str(source), target="/settings")
    container_id = world.engine.create(world.spec("a", mounts=(bound,))).id
    assert not world.engine.arm(container_id)
    source.with_name("new").write_text("late")
    source.with_name("new").rename(source)
    world.engine.start(container_id)
    assert world.engine.capture(container_id, ExecSpec(argv=("cat", "/settings"))).output == "late"
