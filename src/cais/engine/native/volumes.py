"""Volumes: folders that outlive containers, filled from the image at their first use, as Docker's `local` driver does it."""

from __future__ import annotations

import os

from cais import durable, proc
from cais.clock import Clock
from cais.engine.native import rootfs
from cais.engine.native.records import Records, VolumeRecord
from cais.engine.protocol import ContainerSpec, MountKind, VolumeSpec, VolumeState
from cais.errors import CaisError, Conflict, InvalidInput, Problem
from cais.linux.rootpath import host_path
from cais.locations import Locations

_OPTIONS = ("type", "o", "device")


class Volumes:
    """Makes, fills, mounts and removes volumes."""

    def __init__(self, locations: Locations, records: Records, clock: Clock) -> None:
        self._locations = locations
        self._records = records
        self._clock = clock

    def ensure(self, spec: VolumeSpec, *, container: str = "", target: str = "") -> VolumeState:
        """Create the volume unless it is there; with `container` it is that one's anonymous volume at `target`."""
        _check(spec)
        record = self._records.volume(spec.name)
        if record is None:
            made = VolumeRecord(spec=spec, created_at=self._clock.now(), container=container, target=target)
            self._records.insert_volume(made)
            record = self._records.volume(spec.name) or made
        _close_to_others(self._locations.volumes)
        os.makedirs(self._data(spec.name), exist_ok=True)
        return self._state(record)

    def furnish(self, container_id: str, spec: ContainerSpec, anonymous: tuple[str, ...]) -> dict[str, str]:
        """Make the anonymous volumes of a new container, at the targets `anonymous`; the names of all it has by target."""
        names = {target: name for name, target in self._taken_over(spec)}
        labels = {mount.target: mount.labels for mount in spec.mounts}
        for target in anonymous:
            volume = VolumeSpec(name=os.urandom(32).hex(), project=spec.project, labels=labels.get(target, {}))
            made = self.ensure(volume, container=container_id, target=target)
            names[target] = made.spec.name
        return names

    def take_over(self, container_id: str, spec: ContainerSpec) -> None:
        """Anonymous volumes that `spec` names were another container's: they become this one's, with their data."""
        for name, target in self._taken_over(spec):
            self._records.give_volume(name, container_id, target)

    def _taken_over(self, spec: ContainerSpec) -> tuple[tuple[str, str], ...]:
        found = []
        for mount in spec.mounts:
            is_named = mount.kind is MountKind.VOLUME and mount.source and not mount.is_borrowed
            record = self._records.volume(mount.source) if is_named else None
            if record is not None and record.container:
                found.append((mount.source, mount.target))
        return tuple(found)

    def anonymous(self, container_id: str) -> tuple[VolumeRecord, ...]:
        """The anonymous volumes of a container."""
        return self._records.anonymous_volumes(container_id)

    def discard_anonymous(self, container_id: str) -> None:
        """Remove the anonymous volumes of a container; one that another container has borrowed becomes that one's."""
        volumes = self.anonymous(container_id)
        if not volumes:
            return
        others = [other for other in self._records.containers() if other.id != container_id]
        for volume in volumes:
            borrower = next((other for other in others if volume.spec.name in self.used_by(other.id)), None)
            if borrower is None:
                self.discard(volume.spec.name)
            else:
                self._records.give_volume(volume.spec.name, borrower.id, volume.target)

    def all(self, project: str | None) -> tuple[VolumeState, ...]:
        """All volumes (of a project), by name."""
        return tuple(self._state(record) for record in self._records.volumes(project))

    def source(self, name: str, subpath: str, *, seed: str) -> str:
        """The host folder to mount for volume `name`; `seed` is a folder of the image's that fills an empty volume, "" for none.

        A volume with driver options is mounted if it is not. Raises CaisError.
        """
        record = self._records.volume(name)
        if record is None:
            record = VolumeRecord(spec=VolumeSpec(name=name), created_at=self._clock.now())
            self.ensure(record.spec)
        with durable.locked(self._lock(name)):
            data = self._present(record)
            if seed and os.path.isdir(seed) and not os.listdir(data):
                self._fill(data, seed, own=not record.spec.driver_options)
        if not subpath:
            return data
        path = host_path(data, subpath)
        if not os.path.exists(path):
            raise CaisError(f'volume "{name}" has no "{subpath}"', hint="create it in the volume first")
        return path

    def remove(self, name: str) -> None:
        """Remove a volume with its data. Raises Conflict while a container uses it."""
        if self._records.volume(name) is None:
            return
        for container in self._records.containers():
            if name in self.used_by(container.id):
                raise Conflict(
                    f'volume "{name}" is in use by container "{container.name}"', hint="remove the container first"
                )
        self.discard(name)

    def discard(self, name: str) -> None:
        """Remove a volume without asking; what a crash leaves of it is still named by its row."""
        folder = os.path.dirname(self._data(name))
        if os.path.isdir(folder):
            rootfs.release_mount(self._data(name))
            rootfs.delete_tree(folder)
        self._records.delete_volume(name)

    def used_by(self, container_id: str) -> frozenset[str]:
        """The names of the volumes of a container, the anonymous ones too."""
        record = self._records.get(container_id)
        named = (mount.source for mount in record.spec.mounts if mount.kind is MountKind.VOLUME) if record else ()
        anonymous = (volume.spec.name for volume in self._records.anonymous_volumes(container_id))
        return frozenset(name for name in (*named, *anonymous) if name)

    def unmount_unused(self, names: frozenset[str]) -> None:
        """Unmount those of `names` that have driver options and no container any more."""
        for name in names:
            record = self._records.volume(name)
            if record is None or not record.spec.driver_options:
                continue
            with durable.locked(self._lock(name)):
                if not any(name in self.used_by(container.id) for container in self._records.containers()):
                    rootfs.release_mount(self._data(name))

    def _present(self, record: VolumeRecord) -> str:
        data = self._data(record.spec.name)
        os.makedirs(data, exist_ok=True)
        options = record.spec.driver_options
        if not options or rootfs.is_mounted(data):
            return data
        # mount(8) rather than mount(2): file systems such as NFS have helpers that only it calls.
        argv = ["mount"]
        if options.get("type") and options["type"] != "none":
            argv += ["-t", options["type"]]
        if options.get("o"):
            argv += ["-o", options["o"]]
        command = proc.Command(argv=(*argv, "--", options.get("device") or "none", data))
        proc.run(command).check(f'mounting volume "{record.spec.name}"')
        return data

    def _fill(self, data: str, seed: str, *, own: bool) -> None:
        """Copy `seed` with owners, modes, links and attributes into the empty folder `data`.

        Into a folder beside it that then takes its place, so that a crash never leaves a half-filled volume that looks used.
        """
        folder = os.path.dirname(data)
        if own:
            durable_copy = os.path.join(folder, durable.TEMPORARY_PREFIX + "fill")
            rootfs.delete_tree(durable_copy)
            os.mkdir(durable_copy)
            _copy(seed, durable_copy)
            os.rename(durable_copy, data)
        else:
            _copy(seed, data)

    def _state(self, record: VolumeRecord) -> VolumeState:
        return VolumeState(spec=record.spec, path=self._data(record.spec.name), created_at=record.created_at)

    def _data(self, name: str) -> str:
        return os.path.join(self._locations.volumes, name, "_data")

    def _lock(self, name: str) -> str:
        folder = os.path.join(self._locations.run, "locks")
        os.makedirs(folder, exist_ok=True)
        return os.path.join(folder, f"volume-{name}")


def _close_to_others(folder: str) -> None:
    """Files in volumes have the modes that containers chose; the host's users must not get as far as them."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    if os.stat(folder).st_mode & 0o077:
        os.chmod(folder, 0o700)


def _copy(source: str, target: str) -> None:
    if os.listdir(source):
        argv = ("cp", "-a", "--reflink=auto", "--", os.path.join(source, "."), target)
        proc.run(proc.Command(argv=argv)).check(f'copying "{source}" into a volume')
    status = os.stat(source)
    os.chown(target, status.st_uid, status.st_gid)
    os.chmod(target, status.st_mode & 0o7777)


def _check(spec: VolumeSpec) -> None:
    problems = [
        Problem(f'volume "{spec.name}": driver option "{name}" is not supported', hint='use "type", "o" and "device"')
        for name in spec.driver_options
        if name not in _OPTIONS
    ]
    if not spec.name or "/" in spec.name or spec.name.startswith("."):
        problems.append(Problem(f'"{spec.name}" is not a name for a volume', hint="use letters, digits, _ . and -"))
    if problems:
        raise InvalidInput(problems)
