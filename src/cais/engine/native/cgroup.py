"""Where a container's cgroups are, and its processes in them."""

from __future__ import annotations

import os

ROOT = "/sys/fs/cgroup"
HYBRID_MOUNT = "/sys/fs/cgroup/unified"
PARENT = "/cais"


def layout() -> str:
    """How cgroups are mounted: "v2", "hybrid" (v1 with v2 beside), "v1" or "none"."""
    if os.path.exists(f"{ROOT}/cgroup.controllers"):
        return "v2"
    if os.path.exists(f"{HYBRID_MOUNT}/cgroup.procs"):
        return "hybrid"
    return "v1" if os.path.isdir(ROOT) and os.listdir(ROOT) else "none"


def path_of(container_id: str, parent: str = "") -> str:
    """The container's cgroup, as the runtime is told it. `parent` "" is Cais's own."""
    return os.path.join("/", parent or PARENT, container_id)


def folders(container_id: str, parent: str = "") -> tuple[str, ...]:
    """The container's cgroups that exist, the one with the memory controller first."""
    found = []
    for controller in ("memory", "pids", "devices", "systemd", "unified", ""):
        path = os.path.join(ROOT, controller, path_of(container_id, parent).lstrip("/"))
        if os.path.isdir(path):
            found.append(path)
    return tuple(found)


def remove(container_id: str, parent: str = "") -> bool:
    """Remove the container's cgroups, of every controller. False when one could not be: processes are in it still, or cgroups below it."""
    name = path_of(container_id, parent).lstrip("/")
    with os.scandir(ROOT) as entries:
        mounted = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    for folder in (*mounted, ROOT):
        try:
            os.rmdir(os.path.join(folder, name))
        except FileNotFoundError:  # the container is not under this controller
            continue
        except OSError:
            return False
    return True


REALTIME_US = 950_000
"""What the kernel lets real-time processes have of each second, unless told otherwise (sched-rt-group.rst)."""


def allow_realtime() -> None:
    """Give Cais's own group the machine's share of real-time scheduling: a new group has none to hand on. Raises OSError."""
    path = f"{ROOT}/cpu{PARENT}/cpu.rt_runtime_us"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "r+", encoding="ascii") as stream:
        if int(stream.read()) == 0:
            stream.write(str(REALTIME_US))


def pids(container_id: str, first: int, parent: str = "") -> tuple[int, ...]:
    """Host pids of all processes of a container, PID 1 (`first`) first; those in cgroups below too."""
    found: set[int] = set()
    for path in folders(container_id, parent)[:1]:
        for folder, _, files in os.walk(path):
            if "cgroup.procs" in files:
                with open(os.path.join(folder, "cgroup.procs"), encoding="ascii") as stream:
                    found.update(int(line) for line in stream)
    return (first, *sorted(found - {first}))


def oom_kills(container_id: str, parent: str = "") -> int:
    """How many processes of the container the kernel killed for memory (cgroup-v1/memory.rst, cgroup-v2.rst)."""
    for path in folders(container_id, parent):
        for name in ("memory.events", "memory.oom_control"):
            try:
                with open(os.path.join(path, name), encoding="ascii") as stream:
                    for line in stream:
                        key, _, value = line.partition(" ")
                        if key == "oom_kill":
                            return int(value)
            except OSError:  # another controller, or the cgroup went meanwhile
                continue
    return 0
