"""Commands inside a container whose output is captured: health checks (bounded, timed, ended with all they started) and hooks."""

from __future__ import annotations

import os
import select
import subprocess
import time

from cais import proc
from cais.engine.details import Captured
from cais.engine.native.cgroup import pids
from cais.engine.native.inside import Session, exit_code, kill_session, session
from cais.engine.native.parts import Parts
from cais.engine.native.records import Record
from cais.engine.native.streams import no_input
from cais.engine.protocol import ExecSpec, ProbeResult
from cais.errors import CaisError

MAX_OUTPUT_BYTES = 4096
TIMED_OUT = -1
REAP_S = 0.5


def probe(parts: Parts, record: Record, argv: tuple[str, ...], timeout_s: float) -> ProbeResult:
    """Run `argv` inside; a check that cannot run has failed, with the reason as its output."""
    began = parts.clock.now()
    try:
        with session(parts, record, ExecSpec(argv=_line(argv))) as one:
            returncode, output = parts.runtime(record.spec.runtime).apart(lambda: _run(record, one, timeout_s))
            code = returncode if returncode == TIMED_OUT else exit_code(returncode, one)
    except (CaisError, OSError) as error:
        code, output = 1, str(error).encode()
    text = output.decode(errors="replace")
    if code == TIMED_OUT:
        text += f"health check exceeded its timeout ({timeout_s:g} s)"
    return ProbeResult(began=began, ended=parts.clock.now(), exit_code=code, output=text)


def capture(parts: Parts, record: Record, spec: ExecSpec) -> Captured:
    """Run `spec` to its end; see Engine.capture. Raises CaisError when the container does not run."""
    with session(parts, record, spec) as one:
        returncode, output = parts.runtime(record.spec.runtime).apart(lambda: _run(record, one, None))
        return Captured(exit_code=exit_code(returncode, one), output=output.decode(errors="replace"))


def _line(argv: tuple[str, ...]) -> tuple[str, ...]:
    """`argv` may still carry HEALTHCHECK's own first word (Dockerfile reference, HEALTHCHECK)."""
    if argv[:1] == ("CMD-SHELL",):
        return ("/bin/sh", "-c", *argv[1:])
    return argv[1:] if argv[:1] == ("CMD",) else argv


def _run(record: Record, one: Session, timeout_s: float | None) -> tuple[int, bytes]:
    with no_input() as source:
        process = proc.start(
            one.command, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, new_session=True
        )
    assert process.stdout is not None
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    pidfd = os.pidfd_open(process.pid)
    try:
        output, ended = _collect(process.stdout.fileno(), pidfd, deadline)
        return (process.wait() if ended else TIMED_OUT), output
    finally:
        os.close(pidfd)
        if process.poll() is None:
            # Those inside first, so that the runtime reaps them and ends by itself: what it leaves unreaped would be the host's
            # init's to reap, and the container could not end before.
            kill_session(one.pid, lambda: pids(record.id, record.life.pid, record.spec.cgroup_parent))
            try:
                process.wait(REAP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        process.stdout.close()


def _collect(stream: int, pidfd: int, deadline: float | None) -> tuple[bytes, bool]:
    """The first output (without a deadline the last), and whether the process ended in time. A descendant that keeps the stream open is not waited for."""
    output = b""
    poller = select.poll()
    poller.register(stream, select.POLLIN)
    poller.register(pidfd, select.POLLIN)
    while True:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            return output, False
        ready = {fd for fd, _ in poller.poll(None if left is None else left * 1000)}
        if stream in ready:
            chunk = os.read(stream, 65536)
            output += chunk
            output = output[-MAX_OUTPUT_BYTES:] if deadline is None else output[:MAX_OUTPUT_BYTES]
            if not chunk:
                poller.unregister(stream)
        elif pidfd in ready:
            return output, True
