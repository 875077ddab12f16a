"""`exec`: a command inside a container on the caller's own streams."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator

from cais import proc
from cais.engine.native import streams
from cais.engine.native.inside import Session, exit_code, session
from cais.engine.native.parts import Parts
from cais.engine.native.records import Record
from cais.engine.native.streams import STDERR, STDIN, STDOUT
from cais.engine.protocol import ExecSpec
from cais.errors import CaisError
from cais.linux import processes
from cais.linux.terminal import set_window_size, window_size

PID_WAIT_S, PID_STEP_S = 1.0, 0.005


def execute(parts: Parts, record: Record, spec: ExecSpec) -> int:
    """Run to the end; the exit code. With a terminal the runtime copies between ours and the command's."""
    if spec.tty and not (os.isatty(STDIN) and os.isatty(STDOUT)):
        raise CaisError("the input is not a terminal", hint="leave the terminal out: -T")
    with session(parts, record, spec) as one:
        sized = _sized(one) if spec.tty else contextlib.nullcontext()
        try:
            with sized:
                returncode = parts.runtime(record.spec.runtime).apart(lambda: _run(one, spec))
        except KeyboardInterrupt:
            _interrupt(one)
            raise
        return exit_code(returncode, one)


def _run(one: Session, spec: ExecSpec) -> int:
    if spec.tty:  # then the runtime makes a terminal inside and copies
        return proc.start(one.command, stdin=STDIN, stdout=STDOUT, stderr=STDERR).wait()

    def start(source: int, output: int, errors: int) -> subprocess.Popen[bytes]:
        # Without a terminal of its own the command gets Ctrl-C from us alone, so the runtime must not be in the terminal's group.
        return proc.start(one.command, stdin=source, stdout=output, stderr=errors, new_session=True)

    return streams.run(start, interactive=spec.interactive)


def _interrupt(one: Session) -> None:
    """Ctrl-C at a terminal that is not the command's: hand it on. The command may have begun a moment before its pid is noted."""
    deadline = time.monotonic() + PID_WAIT_S
    while not (pid := one.pid) and time.monotonic() < deadline:
        time.sleep(PID_STEP_S)
    fd = processes.open_process(pid, processes.start_time(pid)) if pid else None
    if fd is not None:
        processes.send(fd, signal.SIGINT)
        os.close(fd)


@contextlib.contextmanager
def _sized(one: Session) -> Iterator[None]:
    """Give the command's terminal every new size of ours; crun sets only the first one."""

    def tell(*_: object) -> None:
        pid = one.pid
        if pid:
            with contextlib.suppress(OSError):  # it has just ended, or closed its terminal
                fd = os.open(f"/proc/{pid}/fd/0", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
                try:
                    set_window_size(fd, window_size(STDIN))
                finally:
                    os.close(fd)

    before = signal.signal(signal.SIGWINCH, tell)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)
