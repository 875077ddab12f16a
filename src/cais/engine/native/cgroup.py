"""The processes of a container, from its cgroup."""

from __future__ import annotations

import os

from cais.engine.native.observe import cgroup_folders


def pids(container_id: str, first: int) -> tuple[int, ...]:
    """Host pids of all processes of a container, PID 1 (`first`) first; those in cgroups below too."""
    found: set[int] = set()
    for path in cgroup_folders(container_id)[:1]:
        for folder, _, files in os.walk(path):
            if "cgroup.procs" in files:
                with open(os.path.join(folder, "cgroup.procs"), encoding="ascii") as stream:
                    found.update(int(line) for line in stream)
    return (first, *sorted(found - {first}))
