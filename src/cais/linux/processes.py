"""Processes as /proc and pidfds show them (proc(5), pidfd_open(2)). A pid alone never names a process: its start time belongs to it."""

from __future__ import annotations

import os
import select
import signal


def start_time(pid: int) -> int:
    """When `pid` started, in clock ticks since boot; 0 when there is no such process or only its zombie is left."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            data = stream.read()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    # The name in parentheses may hold anything; after its last one the state is the first field, the start time the twentieth.
    fields = data[data.rindex(b")") + 2 :].split()
    return 0 if fields[0] in (b"Z", b"X") else int(fields[19])


def is_alive(pid: int, started: int) -> bool:
    """Whether the process that had `pid` when it was seen to start at `started` still runs."""
    return pid > 0 and started > 0 and start_time(pid) == started


def open_process(pid: int, started: int) -> int | None:
    """A pidfd of that very process, or None when it is gone."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    if start_time(pid) != started:
        os.close(fd)
        return None
    return fd


def send(fd: int, number: int) -> bool:
    """Send a signal to the process of pidfd `fd`; False when it is gone."""
    try:
        signal.pidfd_send_signal(fd, number)
    except ProcessLookupError:
        return False
    return True


def wait_end(fd: int, timeout_s: float | None) -> bool:
    """Wait until the process of pidfd `fd` has ended; False when it has not within `timeout_s`."""
    poller = select.poll()
    poller.register(fd, select.POLLIN)
    return bool(poller.poll(None if timeout_s is None else max(0, int(timeout_s * 1000 + 0.999))))


def command_line(pid: int) -> str:
    """The command line of `pid` as a shell would take it; "" when it is gone."""
    import shlex

    try:
        with open(f"/proc/{pid}/cmdline", "rb") as stream:
            words = os.fsdecode(stream.read(4096)).rstrip("\0")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return shlex.join(words.split("\0")) if words else ""


def boot_id() -> str:
    """What tells this boot of the machine from others."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
        return stream.read().strip()
