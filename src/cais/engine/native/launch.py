"""The two halves of a start: the process is made, with all that is around it, and then it is let go."""

from __future__ import annotations

import contextlib
import os

import msgspec

from cais import proc
from cais.engine.native import bundle, logfiles, monitor, oci, runtimestate
from cais.engine.native.parts import Parts
from cais.engine.native.records import Phase, Record
from cais.images.model import RunConfig
from cais.linux import processes


class Made(msgspec.Struct, frozen=True):
    """A container's first process, which waits to be let go: its pid on the host and the kernel's start time of that."""

    pid: int
    started: int


def make(parts: Parts, record: Record, image: RunConfig) -> Made:
    """config.json, monitor, process. The phase is STARTING from the monitor on. Raises StartFailed and other CaisErrors."""
    config = bundle.write(parts, record, image)
    parts.records.change(record.id, phase=Phase.STARTING)
    made = _monitored(parts, record)
    _keep_filter(parts, record, config)
    return made


LET_GO_S = 30.0
"""`start` takes milliseconds. Of a process that is killed at that very moment the runtime waits for ever."""


def let_go(parts: Parts, record: Record) -> None:
    """Have the process become what it is for. Raises StartFailed."""
    runtime = parts.runtime(record.spec.runtime)
    command = proc.Command(argv=runtime.argv("start", record.id), timeout_s=LET_GO_S)
    outcome = runtime.apart(lambda: proc.run(command))
    if outcome.timed_out:
        raise monitor.explain(f"its process was killed before it began, or did not begin within {LET_GO_S:g} s")
    if not outcome.ok:
        raise monitor.explain(outcome.stderr.decode(errors="replace"))


def waits(parts: Parts, record: Record) -> bool:
    """Whether the process that was made is there and has not been let go."""
    state = os.path.join(parts.runtime(record.spec.runtime).state, record.id)
    return processes.is_alive(record.life.pid, record.life.pid_started) and is_held(state)


def is_held(state: str) -> bool:
    """Whether the process whose runtime state is in that folder waits to be let go."""
    return os.path.exists(os.path.join(state, "exec.fifo"))


def _monitored(parts: Parts, record: Record) -> Made:
    folder, spec, runtime = parts.folder(record.id), record.spec, parts.runtime(record.spec.runtime)
    if os.path.isdir(os.path.join(runtime.state, record.id)):
        runtimestate.discard(parts, record)
    for path in (folder.pid_file, folder.monitor_pid_file, os.path.join(folder.exits, record.id)):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    pid = monitor.launch(runtime, record.id, folder, tty=spec.tty, stdin=spec.stdin_open, log=spec.log)
    started = processes.start_time(pid)
    if spec.log.max_files > 1:
        logfiles.rotate(folder.log, spec.log.max_files, folder.log_lock)
    return Made(pid, started)


def _keep_filter(parts: Parts, record: Record, config: oci.Config) -> None:
    runtime = parts.runtime(record.spec.runtime)
    parts.filters(record.spec.runtime).keep(config, os.path.join(runtime.state, record.id))
