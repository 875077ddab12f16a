"""A container's life: create, start, settle, stop, kill, remove. Each step under the container's lock, each repaired by the next.

    create    row, overlay, endpoint, anonymous volumes, files
    start     config.json, monitor, process; on the same root and endpoint every time (`launch`; all but the last step `ahead`)
    settle    what became of a process that ended; the runtime's state and the cgroup go
    remove    all of it goes, the row last

A phase that names work in progress while nobody holds the lock means that its process died: `repair` finishes or undoes it.
"""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Callable

import msgspec

from cais import decoding
from cais.engine import restarts
from cais.engine.native import ahead, defaultnet, launch, logfiles, monitor, mounts, observe, rootfs, runtimestate
from cais.engine.native.inherit import with_borrowed
from cais.engine.native.netprotocol import Endpoint
from cais.engine.native.parts import Parts
from cais.engine.native.records import Life, Phase, Record, not_found
from cais.engine.native.spec import command_line
from cais.engine.protocol import ContainerSpec, EndpointSpec, Health
from cais.errors import CaisError, Conflict, NotFoundError
from cais.images.model import RunConfig, StoredImage
from cais.linux import processes

_CONTAINER = "container:"


def create(parts: Parts, spec: ContainerSpec) -> Record:
    """Make a container. Raises Conflict when the name is taken, NotFoundError when the image is not there."""
    image = _image(parts, spec)
    _check_runtime(parts, spec)
    spec = with_borrowed(parts.records, spec)
    mounts.check_sources(spec)
    _clear_name(parts, spec.name)
    record = Record(
        id=os.urandom(32).hex(),
        spec=spec,
        created_at=parts.clock.now(),
        life=Life(phase=Phase.CREATING, boot=processes.boot_id(), takes_volumes=True),
    )
    with parts.locked(record.id):
        parts.records.insert(record, msgspec.json.encode(image.config.config))
        try:
            _furnish(parts, record, image)
            endpoint = _connect(parts, record)
            changed = parts.records.change(record.id, phase=Phase.CREATED, takes_volumes=False, **_place(endpoint))
        except BaseException:
            _take_away(parts, record)
            raise
        # Not before: a half-made container is taken away with its volumes.
        parts.volumes.take_over(record.id, spec)
    return msgspec.structs.replace(changed, spec=spec)


def start(parts: Parts, container_id: str, *, automatic: bool, on_ready: Callable[[], None] = lambda: None) -> Record:
    """Start a container unless it runs; see Engine.start. `on_ready` is called when the monitor listens and the process has not begun."""
    with parts.locked(container_id):
        record = settle_locked(parts, parts.records.need(container_id))
        if observe.is_running(record) or (automatic and record.life.manually_stopped):
            return record
        record = _revive(parts, record)
        before = Phase.EXITED if record.life.finished_at else Phase.CREATED
        image = decoding.decode(parts.records.image(container_id), RunConfig)
        try:
            with parts.moves.awaited():
                made = ahead.take(parts, record) or launch.make(parts, record, image)
                on_ready()
                launch.let_go(parts, record)
        except monitor.StartFailed as failure:
            runtimestate.discard(parts, record)
            parts.records.change(
                container_id, phase=before, exit_code=failure.code, exit_reason=failure.message, waiting=False
            )
            raise _cannot_start(record, image, failure) from failure
        except BaseException:
            runtimestate.discard(parts, record)
            parts.records.change(container_id, phase=before)
            raise
        return _started(parts, record, made, automatic=automatic)


def _cannot_start(record: Record, image: RunConfig, failure: monitor.StartFailed) -> CaisError:
    # The runtime does not always say what it tried to run.
    line = shlex.join(command_line(record.spec, image))
    return CaisError(f'cannot start container "{record.name}": {failure.message}', details=[f"its command: {line}"])


def settle(parts: Parts, container_id: str) -> Record:
    """Record what became of a container's process."""
    with parts.locked(container_id):
        return settle_locked(parts, parts.records.need(container_id))


def settle_locked(parts: Parts, record: Record) -> Record:
    """`settle` for a caller who holds the lock; also finishes what a killed process left half done."""
    phase = record.life.phase
    if phase in (Phase.CREATING, Phase.REMOVING):
        _take_away(parts, record)
        raise not_found(record.id)
    if phase is Phase.STARTING:
        record = _finish_start(parts, record)
    if phase is Phase.ARMED:
        return ahead.checked(parts, record)
    if record.life.phase is not Phase.RUNNING or observe.is_running(record):
        return record
    life = observe.ended(record, parts.folder(record.id), finished_at=parts.clock.now())
    # The row first: the cgroup's counters are gone after the runtime's state is.
    fields = ("phase", "pid", "pid_started", "finished_at", "exit_code", "oom_killed", "exit_reason")
    changed = parts.records.change(record.id, **{name: getattr(life, name) for name in fields}, killed_by="")
    runtimestate.discard(parts, record)
    logfiles.finish(parts.folder(record.id).log)
    return changed if _may_come_back(changed) else withdraw(parts, changed)


def withdraw(parts: Parts, record: Record) -> Record:
    """Let go of what others may use while the container is down: nobody is sent to it, and its host ports are free, as in Docker."""
    if record.spec.network_mode != "bridge" or record.life.unpublished:
        return record
    parts.networking.withdraw(record.id)
    return parts.records.change(record.id, unpublished=True, ports=())


def _may_come_back(record: Record) -> bool:
    """Whether the supervisor may start the ended container again. Its ports are kept for it then."""
    asked, life = record.spec.restart, record.life
    count = restarts.counted(asked, life.restart_count, ran_s=life.finished_at - life.started_at)
    return restarts.may_restart(asked, life.exit_code, manually_stopped=life.manually_stopped, restart_count=count)


def remove(parts: Parts, container_id: str, *, force: bool, volumes: bool) -> None:
    """Take a container away with all that is its own; no error when it is not there."""
    with parts.locked(container_id):
        record = parts.records.get(container_id)
        if record is None:
            return
        with contextlib.suppress(NotFoundError):  # settling found it half made or half removed, and removed it
            record = settle_locked(parts, record)
            if observe.is_running(record):
                if not force:
                    raise Conflict(
                        f'container "{record.name}" is running', hint="stop it first, or remove it with force"
                    )
                _kill_and_wait(record)
            record = parts.records.change(container_id, phase=Phase.REMOVING, takes_volumes=volumes)
            _take_away(parts, record)


def aliases(record: Record) -> tuple[EndpointSpec, ...]:
    """The container's endpoints with the names every container has: its own (by which messages call it), its short id, its host name."""
    more = (record.id[:12], *filter(None, (record.spec.hostname,)))
    return tuple(
        msgspec.structs.replace(endpoint, aliases=tuple(dict.fromkeys((record.name, *endpoint.aliases, *more))))
        for endpoint in record.spec.endpoints
    )


def _check_runtime(parts: Parts, spec: ContainerSpec) -> None:
    """Raise if there is no runtime of the wanted name, or if it sees the host's mounts only from afar and some are to be passed on to it."""
    shares = any("shared" in mount.propagation for mount in spec.mounts)
    if (spec.runtime or shares) and parts.runtime(spec.runtime).without and shares:
        raise CaisError(
            f'container "{spec.name}": with crun, mounts made inside do not reach the host on this machine (its cgroups are of both versions)',
            hint="use another propagation, or runtime: runc",
        )


def _image(parts: Parts, spec: ContainerSpec) -> StoredImage:
    image = parts.images.find(spec.image_id)
    if image is None:
        raise NotFoundError(f'image "{spec.image_reference or spec.image_id}" is not in the store')
    return image


def _clear_name(parts: Parts, name: str) -> None:
    """Take away what a killed `create` or `remove` left under `name`."""
    there = parts.records.find(name)
    if there is not None and there.name == name and there.life.phase in (Phase.CREATING, Phase.REMOVING):
        with contextlib.suppress(NotFoundError):  # which says that it is gone now
            settle(parts, there.id)


def _furnish(parts: Parts, record: Record, image: StoredImage) -> None:
    folder = parts.folder(record.id)
    os.makedirs(folder.path, mode=0o700)
    rootfs.prepare(folder, image.snapshot_paths)
    rootfs.mark(folder)
    mounts.write_files(record.spec.files, folder)
    targets = mounts.anonymous_targets(record.spec, image.config.config)
    anonymous = parts.volumes.furnish(record.id, record.spec, targets)
    if anonymous:
        parts.records.change(record.id, anonymous_volumes=anonymous)


def _connect(parts: Parts, record: Record) -> Endpoint:
    spec = record.spec
    if spec.network_mode == "host":
        return Endpoint(namespace="", addresses={}, ports=(), name_servers=())
    if spec.network_mode.startswith(_CONTAINER):
        return _join(parts, spec)
    hostname = spec.hostname or record.id[:12]
    if defaultnet.is_wanted(spec):
        return defaultnet.connect(parts, record, hostname)
    if not spec.endpoints:
        return parts.networking.isolate(record.id)
    return parts.networking.connect(record.id, hostname, aliases(record), spec.ports)


def _join(parts: Parts, spec: ContainerSpec) -> Endpoint:
    name = spec.network_mode.removeprefix(_CONTAINER)
    other = parts.records.find(name)
    if other is None:
        raise NotFoundError(f'container "{name}", whose network "{spec.name}" joins, does not exist')
    life = other.life
    return Endpoint(
        namespace=life.namespace,
        addresses=life.addresses,
        ports=(),
        name_servers=life.name_servers,
        addresses6=life.addresses6,
    )


def _place(endpoint: Endpoint) -> dict[str, object]:
    return {
        "namespace": endpoint.namespace,
        "addresses": endpoint.addresses,
        "addresses6": endpoint.addresses6,
        "ports": endpoint.ports,
        "name_servers": endpoint.name_servers,
    }


def _revive(parts: Parts, record: Record) -> Record:
    """Make again what a reboot took, and publish the names that a stop withdrew."""
    boot = processes.boot_id()
    folder = parts.folder(record.id)
    if not rootfs.is_mounted(folder.merged):
        rootfs.prepare(folder, _image(parts, record.spec).snapshot_paths)
    if record.life.boot != boot:
        record = parts.records.change(record.id, boot=boot, unpublished=False, **_place(_connect(parts, record)))
    elif record.life.unpublished:
        names = {one.network: one.aliases for one in aliases(record)}
        ports = parts.networking.restore(record.id, names, record.spec.ports)
        record = parts.records.change(record.id, unpublished=False, ports=ports)
    return record


def _started(parts: Parts, record: Record, made: launch.Made, *, automatic: bool) -> Record:
    return parts.records.change(
        record.id,
        phase=Phase.RUNNING,
        pid=made.pid,
        pid_started=made.started,
        started_at=parts.clock.now(),
        finished_at=0.0,
        exit_code=0,
        oom_killed=False,
        exit_reason="",
        killed_by="",
        manually_stopped=False,
        waiting=False,
        restart_count=record.life.restart_count if automatic else 0,
        health=Health.STARTING if _has_probe(record.spec) else Health.NONE,
        failing_streak=0,
        last_probe=None,
    )


def _has_probe(spec: ContainerSpec) -> bool:
    return spec.probe is not None and spec.probe.test[:1] not in ((), ("NONE",))


def _finish_start(parts: Parts, record: Record) -> Record:
    """A start whose process died: take the container as started if its process runs, else as it was before."""
    pid = monitor.await_pid(parts.folder(record.id))
    started = processes.start_time(pid) if pid else 0
    if started and not launch.is_held(os.path.join(parts.runtime(record.spec.runtime).state, record.id)):
        return _started(parts, record, launch.Made(pid, started), automatic=True)
    runtimestate.discard(parts, record)
    return parts.records.change(record.id, phase=Phase.EXITED if record.life.finished_at else Phase.CREATED)


def _kill_and_wait(record: Record) -> None:
    import signal

    fd = processes.open_process(record.life.pid, record.life.pid_started)
    if fd is None:
        return
    try:
        processes.send(fd, signal.SIGKILL)
        processes.wait_end(fd, None)
    finally:
        os.close(fd)


def _take_away(parts: Parts, record: Record) -> None:
    """Remove what belongs to a container, as much of it as there is; the row goes last."""
    runtimestate.discard(parts, record)
    if record.spec.network_mode != "host" and not record.spec.network_mode.startswith(_CONTAINER):
        parts.networking.disconnect(record.id)
        if defaultnet.is_wanted(record.spec):
            defaultnet.leave(parts)
    monitor.wait_end(parts.folder(record.id))
    rootfs.remove(parts.folder(record.id))
    used = parts.volumes.used_by(record.id)
    if record.life.takes_volumes:
        parts.volumes.discard_anonymous(record.id)
    parts.records.delete(record.id)
    parts.volumes.unmount_unused(used)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(parts.locations.run, "locks", record.id))
