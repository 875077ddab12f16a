"""A start made ahead: while a container waits for another to be healthy, all of its start is done but the last step.

What is left for the moment it may start is `crun start`, a third of a start's time. Such a container is "created" to everybody. It is
its own: whoever starts or removes it knows what to do, so the process that made it may be killed at any instant.
Figures: docs/decisions/0051.
"""

from __future__ import annotations

from cais import decoding
from cais.engine.native import launch, runtimestate
from cais.engine.native.parts import Parts
from cais.engine.native.records import Phase, Record
from cais.engine.protocol import ContainerSpec, MountKind, MountSpec
from cais.errors import CaisError
from cais.images.model import RunConfig
from cais.linux import processes


def can_be_made_ahead(spec: ContainerSpec, working_dir: str) -> bool:
    """Whether its start finds the same now as later. What it waits for may still make or replace files of the host, fill volumes, and runs where it joins."""
    joins = (spec.network_mode, spec.pid_mode, spec.ipc_mode)
    return not (
        any(mode.startswith("container:") for mode in joins)
        or any(_may_change(mount, working_dir) for mount in spec.mounts)
        or any(file.source for file in spec.files)
        or spec.host_links
        or spec.privileged
        or spec.devices
    )


def _may_change(mount: MountSpec, working_dir: str) -> bool:
    """The runtime makes a working directory that is not there: on a volume that is for others to fill, that would be too early."""
    if mount.kind is MountKind.VOLUME:
        return bool(mount.subpath) or f"{working_dir.rstrip('/')}/".startswith(f"{mount.target.rstrip('/')}/")
    return mount.kind is MountKind.BIND


def arm(parts: Parts, container_id: str) -> bool:
    """Do all of a first start but its last step; whether that is done. One that cannot be made is left as it was: its start says why."""
    with parts.locked(container_id):
        record = parts.records.need(container_id)
        fresh = record.life.phase is Phase.CREATED and record.life.boot == processes.boot_id()
        image = decoding.decode(parts.records.image(container_id), RunConfig)
        working_dir = record.spec.working_dir or image.working_dir
        if not fresh or record.life.unpublished or not can_be_made_ahead(record.spec, working_dir):
            return False
        try:
            with parts.moves.awaited():
                made = launch.make(parts, record, image)
        except CaisError:
            _undo(parts, record)
            return False
        except BaseException:
            _undo(parts, record)
            raise
        parts.records.change(container_id, phase=Phase.ARMED, pid=made.pid, pid_started=made.started)
        return True


def disarm(parts: Parts, container_id: str) -> None:
    """Let go of what was made ahead, if that is how the container still is."""
    with parts.locked(container_id):
        record = parts.records.get(container_id)
        if record is not None and record.life.phase is Phase.ARMED:
            _undo(parts, record)


def checked(parts: Parts, record: Record) -> Record:
    """An armed `record` as it is; as merely created when its process is gone (a reboot, a kill from outside)."""
    return record if launch.waits(parts, record) else _undo(parts, record)


def take(parts: Parts, record: Record) -> launch.Made | None:
    """The process of an armed container, for the caller to let go; should he die meanwhile, it is an interrupted start as any other."""
    if record.life.phase is not Phase.ARMED:
        return None
    parts.records.change(record.id, phase=Phase.STARTING)
    return launch.Made(record.life.pid, record.life.pid_started)


def _undo(parts: Parts, record: Record) -> Record:
    runtimestate.discard(parts, record)
    return parts.records.change(record.id, phase=Phase.CREATED, pid=0, pid_started=0)
