"""What /proc tells of processes. Each is looked up by something only the bench's own have: its root folder, a password, a path."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterable

TCP_LISTEN = "0A"  # <net/tcp_states.h>


def _read(pid: int, name: str) -> bytes:
    try:
        with open(f"/proc/{pid}/{name}", "rb") as stream:
            return stream.read()
    except OSError:  # it ended meanwhile
        return b""


def pids() -> set[int]:
    """All processes there are."""
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}


def having(*, environ: str = "", cmdline: str = "", among: Iterable[int] | None = None) -> list[int]:
    """Processes with these words in their environment and command line, oldest first."""
    found = [
        pid
        for pid in (pids() if among is None else among)
        if (not cmdline or cmdline.encode() in _read(pid, "cmdline"))
        and (not environ or environ.encode() in _read(pid, "environ"))
    ]
    return sorted(found, key=started_at)


def where(test: Callable[[str], bool]) -> list[int]:
    """Processes whose program's path satisfies `test`."""
    found = []
    for pid in pids():
        try:
            path = os.readlink(f"/proc/{pid}/exe")
        except OSError:  # it ended, or is a kernel thread
            continue
        if test(path):
            found.append(pid)
    return found


def started_at(pid: int) -> int:
    """When it started, in clock ticks since boot (proc(5), `stat` field 22); 0 when it ended."""
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    return int(fields[19]) if len(fields) > 19 else 0


def listens(pid: int, port: int) -> bool:
    """Whether somebody listens on TCP `port` in the process's network namespace."""
    ending = f":{port:04X}"
    for line in _read(pid, "net/tcp").decode().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(ending) and fields[3] == TCP_LISTEN:
            return True
    return False


def pss_mb(chosen: Iterable[int]) -> float:
    """Their memory in MB: the proportional set size, so that shared pages are counted once."""
    kilobytes = 0
    for pid in chosen:
        for line in _read(pid, "smaps_rollup").splitlines():
            if line.startswith(b"Pss:"):
                kilobytes += int(line.split()[1])
    return kilobytes / 1024


def ended(pidfd: int) -> bool:
    """Whether the process behind a pidfd has ended (pidfd_open(2): it is readable then)."""
    return bool(select.select([pidfd], [], [], 0)[0])
