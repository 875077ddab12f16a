"""Stopping and signalling containers. The wait is on the process itself (a pidfd) and holds no lock."""

from __future__ import annotations

import os
import signal

from cais import decoding
from cais.engine.native import lifecycle, observe
from cais.engine.native.parts import Parts
from cais.engine.native.records import Record
from cais.engine.protocol import StopOutcome
from cais.errors import CaisError
from cais.images.model import RunConfig
from cais.linux import processes

DEFAULT_SIGNAL = "SIGTERM"
MAX_COMMAND_CHARACTERS = 200


def stop(parts: Parts, container_id: str, *, timeout_s: float | None, manual: bool) -> StopOutcome:
    """Stop signal, grace period, SIGKILL; see Engine.stop."""
    began = parts.clock.monotonic()
    with parts.locked(container_id):
        record = lifecycle.settle_locked(parts, parts.records.need(container_id))
        if manual:
            # Before the signal, so that whoever sees the exit knows that it was wanted.
            record = parts.records.change(container_id, manually_stopped=True, waiting=False)
    name = stop_signal(parts, record)
    killed, culprit = _end(parts, record, number_of(name), _grace(record, timeout_s))
    with parts.locked(container_id):
        record = lifecycle.settle_locked(parts, parts.records.need(container_id))
        if manual and not observe.is_running(record):
            lifecycle.withdraw(parts, record)
    return StopOutcome(
        exit_code=record.life.exit_code,
        elapsed_s=parts.clock.monotonic() - began,
        signal=name,
        killed=killed,
        ignored_by=culprit,
    )


def kill(parts: Parts, container_id: str, signal_name: str) -> None:
    """Send a signal to PID 1. Raises CaisError when the container does not run."""
    number = number_of(signal_name)
    record = parts.records.need(container_id)
    fd = processes.open_process(record.life.pid, record.life.pid_started) if observe.is_running(record) else None
    if fd is None:
        raise CaisError(f'container "{record.name}" is not running')
    try:
        if number in (signal.SIGKILL, number_of(stop_signal(parts, record))):
            # Meant to end it, so it is not to be started again.
            parts.records.change(container_id, manually_stopped=True, killed_by="killed by SIGKILL on request")
        processes.send(fd, number)
    finally:
        os.close(fd)


def number_of(name: str) -> int:
    """The number of signal `name`: "SIGTERM", "TERM" or "15". Raises CaisError."""
    text = name.strip().upper()
    if text.isdecimal() and 0 < int(text) <= signal.SIGRTMAX:
        return int(text)
    full = text if text.startswith("SIG") else f"SIG{text}"
    if full.startswith("SIGRTMIN+") and full[9:].isdecimal():
        return int(signal.SIGRTMIN) + int(full[9:])
    try:
        return int(signal.Signals[full])
    except KeyError:
        raise CaisError(f'"{name}" is not a signal', hint="use a name such as SIGTERM, or a number") from None


def stop_signal(parts: Parts, record: Record) -> str:
    """The container's stop signal, else its image's, else SIGTERM."""
    if record.spec.stop_signal:
        return record.spec.stop_signal

    image = decoding.decode(parts.records.image(record.id), RunConfig)
    return image.stop_signal or DEFAULT_SIGNAL


def _grace(record: Record, timeout_s: float | None) -> float | None:
    grace_s = record.spec.stop_grace_period_s if timeout_s is None else timeout_s
    return None if grace_s < 0 else grace_s


def _end(parts: Parts, record: Record, number: int, grace_s: float | None) -> tuple[bool, str]:
    """Whether the process had to be killed, and what it was."""
    if not observe.is_running(record):
        return False, ""
    fd = processes.open_process(record.life.pid, record.life.pid_started)
    if fd is None:
        return False, ""
    try:
        if not processes.send(fd, number) or processes.wait_end(fd, grace_s):
            return False, ""
        culprit = processes.command_line(record.life.pid)[:MAX_COMMAND_CHARACTERS]
        parts.records.change(record.id, killed_by=f"killed by SIGKILL after the grace period of {grace_s:g} s")
        processes.send(fd, signal.SIGKILL)
        processes.wait_end(fd, None)
        return True, culprit
    finally:
        os.close(fd)
