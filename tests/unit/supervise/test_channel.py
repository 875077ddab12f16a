"""A real supervisor process, a real socket; the containers are plain processes."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.fakes.process_engine import ProcessEngine

from cais.durable import try_lock
from cais.engine.protocol import ContainerSpec, ContainerState, Health, ProbeSpec, RestartMode, RestartPolicy
from cais.errors import HostError
from cais.locations import Locations
from cais.supervise.channel import Client, SupervisorLost, connect, project_paths
from cais.supervise.goals import Goal, WaitEnd
from cais.supervise.spawn import Spawned, ensure

PROJECT = "demo"
REPOSITORY = str(Path(__file__).parents[3])


class Stage:
    """One project in a temporary folder; `supervisor_pid` finds its supervisor by the lock it holds."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.locations = Locations(root=str(folder / "root"), run=str(folder / ("deep" * 30) / "run"))
        self.engine = ProcessEngine(str(folder))
        monkeypatch.setenv("PYTHONPATH", f"{REPOSITORY}/src:{REPOSITORY}")

    def argv(self, linger_s: float = 30.0) -> tuple[str, ...]:
        module = "tests.fakes.supervise_processes"
        return (sys.executable, "-m", module, str(self.folder), PROJECT, str(linger_s))

    def ensure(self, linger_s: float = 30.0) -> Client:
        return ensure(self.locations, PROJECT, self.argv(linger_s))

    def run(self, name: str, line: str, **more: object) -> ContainerState:
        spec = ContainerSpec(
            name=name, image_id="x", image_reference="x", project=PROJECT, service=name, command=(line,)
        )
        spec = msgspec.structs.replace(spec, **more)
        return self.engine.start(self.engine.create(spec).id)

    def supervisor_pid(self) -> int | None:
        inode = os.stat(project_paths(self.locations, PROJECT).lock).st_ino
        for line in Path("/proc/locks").read_text().splitlines():
            fields = line.split()
            if fields[1] == "FLOCK" and fields[5].endswith(f":{inode}"):
                return int(fields[4])
        return None

    def kill_supervisor(self, number: signal.Signals = signal.SIGKILL) -> None:
        pid = self.supervisor_pid()
        assert pid is not None
        self.end_supervisor(pid, number)

    def end_supervisor(self, pid: int, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):  # it is ending by itself
            descriptor = os.pidfd_open(pid)
            signal.pidfd_send_signal(descriptor, number)
            os.close(descriptor)
        self.await_end()

    def await_end(self, timeout_s: float = 10.0) -> None:
        """Until the supervisor's lock is free."""
        deadline = time.monotonic() + timeout_s
        while (lock := try_lock(project_paths(self.locations, PROJECT).lock)) is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        os.close(lock)

    def clean(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            pid = self.supervisor_pid()
            if pid is not None:
                self.end_supervisor(pid, signal.SIGKILL)
        for state in self.engine.containers():
            self.engine.stop(state.id)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    made = Stage(tmp_path, monkeypatch)
    try:
        yield made
    finally:
        made.clean()


ALWAYS = RestartPolicy(RestartMode.ALWAYS)


def soon(seconds: float = 10.0) -> float:
    return time.monotonic() + seconds


def test_nobody_answers_when_no_supervisor_lives(stage: Stage) -> None:
    assert connect(stage.locations, PROJECT) is None


def test_ensure_starts_one_and_finds_it_again(stage: Stage) -> None:
    with stage.ensure() as client:
        first = stage.supervisor_pid()
        client.refresh()
        with stage.ensure():
            assert stage.supervisor_pid() == first


def test_many_at_once_get_one_supervisor(stage: Stage) -> None:
    clients: list[Client] = []
    threads = [threading.Thread(target=lambda: clients.append(stage.ensure())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(clients) == 4
    for client in clients:
        client.refresh()
        client.close()


def test_a_crash_is_restarted_and_told(stage: Stage) -> None:
    with stage.ensure() as client:
        state = stage.run("web", "sleep 100", restart=ALWAYS)
        with client.subscribe(timeout_s=10) as events:
            assert client.wait(state.id, Goal.RUNNING, soon()).reached
            os.kill(state.pid, signal.SIGKILL)
            kinds = []
            for event in events:
                kinds.append(str(event.__struct_config__.tag))
                if kinds.count("started") == 2:
                    break
        assert kinds == ["started", "exited", "restarting", "started"]
        again = stage.engine.state_of("web")
        assert (again.restart_count, again.exit_code) == (1, 0)
        assert again.pid not in (0, state.pid)


def test_kill_9_of_the_supervisor_loses_nothing(stage: Stage) -> None:
    with stage.ensure() as client:
        web = stage.run("web", "sleep 100", restart=ALWAYS)
        job = stage.run("job", "sleep 100")
        calm = stage.run("calm", "sleep 100")
        client.refresh()
        stage.kill_supervisor()
        assert stage.engine.is_running("web")
        with pytest.raises(SupervisorLost):
            client.refresh()
    os.kill(web.pid, signal.SIGKILL)
    os.kill(job.pid, signal.SIGKILL)
    with stage.ensure() as client:
        assert client.wait(web.id, Goal.RUNNING, soon()).reached
        outcome = client.wait(job.id, Goal.COMPLETED, soon())
        assert (outcome.end, outcome.exit_code) == (WaitEnd.EXITED, 137)
        assert stage.engine.state_of("web").restart_count == 1
        assert stage.engine.state_of("calm").pid == calm.pid


def test_a_wait_learns_that_the_supervisor_died(stage: Stage) -> None:
    probe = ProbeSpec(test=("CMD", "false"))
    with stage.ensure() as client:
        state = stage.run("web", "sleep 100", probe=probe)
        client.refresh([state.id])
        threading.Timer(0.1, stage.kill_supervisor).start()
        assert client.wait(state.id, Goal.HEALTHY, soon()).end is WaitEnd.LOST


def test_health_arrives_by_event(stage: Stage) -> None:
    flag = stage.folder / "ready"
    probe = ProbeSpec(test=("CMD", "test", "-e", str(flag)), interval_s=30)
    with stage.ensure() as client:
        state = stage.run("web", "sleep 100", probe=probe)
        client.refresh([state.id])
        assert client.wait(state.id, Goal.HEALTHY, soon(0.2)).end is WaitEnd.DEADLINE
        flag.touch()
        ready = time.monotonic()
        outcome = client.wait(state.id, Goal.HEALTHY, soon())
        assert (outcome.reached, outcome.health) == (True, Health.HEALTHY)
        assert time.monotonic() - ready < 1.0


def test_it_ends_when_nothing_is_left(stage: Stage) -> None:
    state = stage.run("web", "sleep 100", restart=ALWAYS)
    stage.ensure(linger_s=0.1).close()
    time.sleep(0.3)
    assert stage.supervisor_pid() is not None
    stage.engine.stop(state.id)
    stage.await_end()
    assert connect(stage.locations, PROJECT) is None


def test_sigterm_ends_it_and_leaves_the_containers(stage: Stage) -> None:
    with stage.ensure() as client:
        stage.run("web", "sleep 100", restart=ALWAYS)
        client.refresh()
        stage.kill_supervisor(signal.SIGTERM)
    assert stage.engine.is_running("web")


def test_a_supervisor_that_cannot_start_says_why(stage: Stage) -> None:
    with pytest.raises(HostError, match="does not start") as caught:
        Spawned(stage.locations, PROJECT, ("sh", "-c", "echo broken >&2; exit 1")).client(timeout_s=0.05)
    assert "broken" in caught.value.details


@pytest.mark.parametrize("name", ["a" * 200, "é", "../x", ""])
def test_odd_project_names_have_plain_files(name: str) -> None:
    paths = project_paths(Locations(root="/r", run="/run"), name)
    assert len(paths.stem) == 32
    assert paths.stem.isalnum()
