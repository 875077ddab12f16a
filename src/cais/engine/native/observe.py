"""A container's record as callers see it. "Running" is never said of a process that is gone."""

from __future__ import annotations

import os

import msgspec

from cais.engine.native import cgroup
from cais.engine.native.folders import Folder
from cais.engine.native.records import Life, Phase, Record
from cais.engine.protocol import ContainerState, State
from cais.linux import processes

SIGKILL_CODE = 137
UNKNOWN_CODE = 255


def is_running(record: Record) -> bool:
    """Whether PID 1 of the container lives."""
    life = record.life
    return life.phase is Phase.RUNNING and processes.is_alive(life.pid, life.pid_started)


def state_of(record: Record, folder: Folder) -> ContainerState:
    """The record and what is true at this moment, for callers; writes nothing."""
    life = record.life
    running = is_running(record)
    if life.phase is Phase.RUNNING and not running:
        life = ended(record, folder, finished_at=0.0)
    return ContainerState(
        id=record.id,
        spec=record.spec,
        state=_state(life, running=running),
        created_at=record.created_at,
        pid=life.pid if running else 0,
        started_at=life.started_at,
        finished_at=life.finished_at,
        exit_code=life.exit_code,
        oom_killed=life.oom_killed,
        exit_reason=life.exit_reason,
        manually_stopped=life.manually_stopped,
        restart_count=life.restart_count,
        health=life.health,
        failing_streak=life.failing_streak,
        last_probe=life.last_probe,
        addresses=life.addresses,
        ports=life.ports,
        anonymous_volumes=life.anonymous_volumes,
    )


def ended(record: Record, folder: Folder, *, finished_at: float) -> Life:
    """What became of a container whose process is gone. `finished_at` counts where there is no exit file.

    A monitor that still works is waited for: until it has ended, neither the exit status nor the end of the log are there.
    """
    from cais.engine.native import monitor

    life = record.life
    code = monitor.exit_code(record.id, folder)
    kills = cgroup.oom_kills(record.id, record.spec.cgroup_parent)
    return msgspec.structs.replace(
        life,
        phase=Phase.EXITED,
        pid=0,
        pid_started=0,
        finished_at=_written_at(record.id, folder) or finished_at,
        exit_code=UNKNOWN_CODE if code is None else code,
        oom_killed=kills > 0,
        exit_reason=_reason(record, code, kills),
    )


def _state(life: Life, *, running: bool) -> State:
    if running:
        return State.RUNNING
    if life.waiting:
        return State.RESTARTING
    if life.phase is Phase.REMOVING:
        return State.DEAD
    return State.EXITED if life.phase is Phase.EXITED else State.CREATED


def _reason(record: Record, code: int | None, kills: int) -> str:
    if code is None:
        return "the monitor ended before it could note the exit status"
    if kills > 0:
        limit = record.spec.limits.memory_bytes
        # PID 1 may go on, or say by a code of its own how it went on, when a process it started is killed.
        what = "out of memory" if code == SIGKILL_CODE else "a process in it was killed: out of memory"
        return what + (f" (limit {_size(limit)})" if limit else "")
    if code == SIGKILL_CODE:
        return record.life.killed_by or "killed by SIGKILL from outside"
    return ""


def _written_at(container_id: str, folder: Folder) -> float:
    try:
        return os.stat(os.path.join(folder.exits, container_id)).st_mtime
    except FileNotFoundError:
        return 0.0


def _size(count: int) -> str:
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= size:
            return f"{count / size:.4g} {unit}"
    return f"{count} bytes"
