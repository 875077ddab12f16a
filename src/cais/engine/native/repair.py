"""What killed processes left behind: finished or undone, and what belongs to no record swept away."""

from __future__ import annotations

import contextlib
import os

from cais import durable
from cais.engine.native import lifecycle, observe, rootfs, runtimestate
from cais.engine.native.folders import lock_path
from cais.engine.native.parts import Parts
from cais.engine.native.records import Phase
from cais.engine.native.runtime import NAMED_FOLDER
from cais.errors import NotFoundError

_UNFINISHED = {
    Phase.CREATING: 'removed the half-made container "{}"',
    Phase.STARTING: 'finished the interrupted start of container "{}"',
    Phase.REMOVING: 'finished the removal of container "{}"',
}


def repair(parts: Parts) -> tuple[str, ...]:
    """Put everything in order that no living process is working on; what was done, in words."""
    done = [*_finish(parts), *_sweep_folders(parts)]
    living = frozenset(record.id for record in parts.records.containers())
    done.extend(parts.networking.repair(living))
    return tuple(done)


def _finish(parts: Parts) -> list[str]:
    done = []
    for record in parts.records.containers():
        unfinished = record.life.phase in _UNFINISHED
        ended = record.life.phase is Phase.RUNNING and not observe.is_running(record)
        if not (unfinished or ended):
            continue
        lock = _try_lock(parts, record.id)
        if lock is None:
            continue  # somebody is at it
        try:
            with contextlib.suppress(NotFoundError):  # which says that it was half made or half removed and is gone now
                lifecycle.settle_locked(parts, parts.records.need(record.id))
        finally:
            os.close(lock)
        if unfinished:
            done.append(_UNFINISHED[record.life.phase].format(record.name))
    return done


def _sweep_folders(parts: Parts) -> list[str]:
    """Folders, mounts and cgroups of containers that have no row. A row is made first and goes last, so these are nobody's."""
    done = []
    for parent in (parts.locations.containers, os.path.join(parts.locations.run, "containers")):
        for name in rootfs.entries(parent):
            if parts.records.get(name) is None:
                rootfs.remove(parts.folder(name))
                done.append(f'removed the folder of the forgotten container "{name[:12]}"')
    named = rootfs.entries(os.path.join(parts.locations.run, NAMED_FOLDER))
    for runtime in ("", *named):
        for name in rootfs.entries(
            os.path.join(parts.locations.run, NAMED_FOLDER if runtime else "", runtime, "runtime")
        ):
            if parts.records.get(name) is None:
                runtimestate.forget(parts.runtime(runtime), name)
                done.append(f'ended the forgotten container "{name[:12]}"')
    return done


def _try_lock(parts: Parts, container_id: str) -> int | None:
    path = lock_path(parts.locations, container_id)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    return durable.try_lock(path)
