"""What the runtime keeps of a container: its state folder and its cgroups. Both go when the process has."""

from __future__ import annotations

import contextlib
import os

from cais import proc
from cais.engine.native import cgroup
from cais.engine.native.parts import Parts
from cais.engine.native.records import Record
from cais.engine.native.runtime import Runtime


def discard(parts: Parts, record: Record) -> None:
    """Let the runtime forget the container: its state folder and its cgroups go, and any process still in them."""
    forget(parts.runtime(record.spec.runtime), record.id, record.spec.cgroup_parent)


def forget(runtime: Runtime, container_id: str, cgroup_parent: str = "") -> None:
    """Have `runtime` forget a container, which may have no record."""
    state = os.path.join(runtime.state, container_id)
    if not os.path.isdir(state) and not cgroup.folders(container_id, cgroup_parent):
        return
    # While the runtime is still creating it (its caller was killed) neither its status is written nor, perhaps, its cgroup there.
    known = any(os.path.exists(os.path.join(state, name)) for name in ("status", "state.json"))
    if known and cgroup.remove(container_id, cgroup_parent):
        # Nothing of it runs, so nothing is left to do but this; asking the runtime takes ten times as long.
        with contextlib.suppress(OSError):  # no folder, or one with more in it than files: the runtime knows
            for entry in os.listdir(state):
                os.unlink(os.path.join(state, entry))
            os.rmdir(state)
        if not os.path.isdir(state):
            return
    outcome = runtime.apart(lambda: proc.run(proc.Command(argv=runtime.argv("delete", "--force", container_id))))
    if os.path.isdir(state):
        outcome.check(f'removing what {runtime.name} knows of container "{container_id[:12]}"')
    for path in cgroup.folders(container_id, cgroup_parent):
        with contextlib.suppress(OSError):  # still in use, or gone: `repair` comes back to it
            os.rmdir(path)
