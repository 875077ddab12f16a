from __future__ import annotations

import os
import subprocess
from pathlib import Path

import msgspec
import pytest

from cais.engine.native.folders import Folder
from cais.engine.native.observe import is_running, state_of
from cais.engine.native.records import Life, Phase, Record
from cais.engine.protocol import ContainerSpec, State
from cais.linux.processes import start_time

SPEC = ContainerSpec(name="web", image_id="i", image_reference="r")


def record(**life: object) -> Record:
    return Record(
        id="none-such", spec=SPEC, created_at=1.0, life=msgspec.structs.replace(Life(phase=Phase.CREATED), **life)
    )


def seen(tmp_path: Path, status: str | None, life: dict[str, object]) -> tuple[State, int, str]:
    folder = Folder(path=str(tmp_path), run=str(tmp_path))
    os.makedirs(folder.exits, exist_ok=True)
    if status is not None:
        (tmp_path / "exits/none-such").write_text(status)
    state = state_of(record(**life), folder)
    return state.state, state.exit_code, state.exit_reason


@pytest.mark.parametrize(
    ("life", "state"),
    [
        ({"phase": Phase.CREATED}, State.CREATED),
        ({"phase": Phase.STARTING}, State.CREATED),
        ({"phase": Phase.EXITED}, State.EXITED),
        ({"phase": Phase.EXITED, "waiting": True}, State.RESTARTING),
        ({"phase": Phase.REMOVING}, State.DEAD),
    ],
)
def test_states(tmp_path: Path, life: dict[str, object], state: State) -> None:
    assert seen(tmp_path, None, life)[0] is state


def test_running_is_said_of_the_very_process_only() -> None:
    me = os.getpid()
    assert is_running(record(phase=Phase.RUNNING, pid=me, pid_started=start_time(me)))
    assert not is_running(record(phase=Phase.RUNNING, pid=me, pid_started=start_time(me) + 1))
    assert not is_running(record(phase=Phase.EXITED, pid=me, pid_started=start_time(me)))


def test_a_process_that_is_gone_has_exited(tmp_path: Path) -> None:
    gone: dict[str, object] = {"phase": Phase.RUNNING, "pid": 1, "pid_started": 12345}
    unknown = "the monitor ended before it could note the exit status"
    assert seen(tmp_path, None, gone) == (State.EXITED, 255, unknown)
    assert seen(tmp_path, "3", gone) == (State.EXITED, 3, "")
    assert seen(tmp_path, "137", gone) == (State.EXITED, 137, "killed by SIGKILL from outside")
    assert seen(tmp_path, "137", {**gone, "killed_by": "by us"})[2] == "by us"


def test_a_monitor_that_still_works_is_waited_for(tmp_path: Path) -> None:
    """Nobody is told of an unknown exit status only because they asked in the millisecond before it was written."""
    (tmp_path / "exits").mkdir()
    monitor = tmp_path / "conmon"
    monitor.write_text(f"#!/bin/sh\nread go\nsleep 0.3\necho 3 > {tmp_path}/exits/none-such\n")
    monitor.chmod(0o755)
    with subprocess.Popen([monitor], stdin=subprocess.PIPE) as process:
        (tmp_path / "monitor.pid").write_text(str(process.pid))
        assert process.stdin is not None
        process.stdin.close()
        assert seen(tmp_path, None, {"phase": Phase.RUNNING, "pid": 1, "pid_started": 12345}) == (State.EXITED, 3, "")
