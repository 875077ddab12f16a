"""A container's mounts, files and /etc texts turned into the runtime's mounts; what they need is made here."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from cais import durable
from cais.engine.native import etcfiles
from cais.engine.native.folders import Folder
from cais.engine.native.mountpoints import MountPoint, make
from cais.engine.native.oci import Mount
from cais.engine.native.volumes import Volumes
from cais.engine.protocol import ContainerSpec, FileSpec, MountKind, MountSpec
from cais.errors import CaisError
from cais.images.model import RunConfig
from cais.linux.rootpath import host_path, resolve_in_root

OPEN_TO_ALL = 0o1777
_RUNTIMES_OWN = ("dev", "proc", "sys")


def anonymous_targets(spec: ContainerSpec, image: RunConfig) -> tuple[str, ...]:
    """Where a container has anonymous volumes: those asked for, and the image's unless something else is mounted there."""
    asked = [mount.target for mount in spec.mounts if mount.kind is MountKind.VOLUME and not mount.source]
    taken = {_plain(mount.target) for mount in spec.mounts}
    return (*asked, *(target for target in image.volumes if _plain(target) not in taken))


def check_sources(spec: ContainerSpec) -> None:
    """Make bind sources that may be made; raises CaisError for one that is missing."""
    for mount in spec.mounts:
        if mount.kind is MountKind.BIND and not os.path.exists(mount.source):
            if not mount.create_host_path:
                raise CaisError(
                    f'bind source "{mount.source}" for "{mount.target}" does not exist',
                    hint="create it, or let it be created: create_host_path: true",
                )
            os.makedirs(mount.source, exist_ok=True)


def resolve(
    spec: ContainerSpec, image: RunConfig, folder: Folder, volumes: Volumes, anonymous: dict[str, str]
) -> tuple[Mount, ...]:
    """All mounts of a container but the standard ones. `anonymous` names its anonymous volumes by target."""
    check_sources(spec)
    asked = [_resolved(mount, folder.merged, volumes, anonymous) for mount in spec.mounts]
    for target in anonymous_targets(spec, image):
        if all(mount.target != target for mount in spec.mounts):
            extra = MountSpec(kind=MountKind.VOLUME, source="", target=target)
            asked.append(_resolved(extra, folder.merged, volumes, anonymous))
    taken = {mount.destination for mount in asked}
    own = [*_etc_mounts(folder, read_only=spec.read_only), *_file_mounts(spec.files, folder)]
    chosen = (*(mount for mount in own if mount.destination not in taken), *asked)
    make_points(folder.merged, chosen)
    return chosen


def make_points(root: str, mounts: Sequence[Mount]) -> None:
    """Make what `mounts` are to be mounted on, as far as it lies in the root itself.

    The runtime would do it too, but crun 1.8 gives the folders on the way a mode of its own.
    """
    done: list[str] = []
    for mount in sorted(mounts, key=lambda one: one.destination.count("/")):
        target = mount.destination
        inside = any(target.startswith(place + "/") for place in done)
        if inside or target.split("/")[1] in _RUNTIMES_OWN or os.path.lexists(root + target):
            done.append(target)
            continue
        is_folder = mount.type != "bind" or os.path.isdir(mount.source)
        make(root, MountPoint(target, is_folder))
        if mount.type == "tmpfs":
            os.chmod(root + target, OPEN_TO_ALL)  # which the next start will find and keep
        done.append(target)


def write_files(files: tuple[FileSpec, ...], folder: Folder) -> None:
    """Lay the contents of secrets and configs into the container's folder, with their owners and modes."""
    if files:
        os.makedirs(folder.files, mode=0o700, exist_ok=True)
    for number, file in enumerate(files):
        path = os.path.join(folder.files, str(number))
        durable.write(path, file.content, mode=0o600, sync=False)
        os.chown(path, file.uid, file.gid)
        os.chmod(path, file.mode)


def write_etc(folder: Folder, *, hostname: str, hosts: str, resolver: str) -> None:
    """Write the container's own /etc/hostname, /etc/hosts and /etc/resolv.conf."""
    for name, text in (("hostname", hostname + "\n"), ("hosts", hosts), ("resolv.conf", resolver)):
        # In place: a file that is mounted somewhere must stay the same file.
        with open(folder.etc(name), "w", encoding="utf-8") as stream:
            stream.write(text)


def host_texts(extra: tuple[tuple[str, str], ...]) -> tuple[str, str]:
    """/etc/hosts and /etc/resolv.conf of a container in the host's network: the host's own."""
    return read_text("/etc/hosts") + etcfiles.extra_lines(extra, gateway="127.0.0.1"), read_text("/etc/resolv.conf")


def _resolved(mount: MountSpec, root: str, volumes: Volumes, anonymous: dict[str, str]) -> Mount:
    target = resolve_in_root(root, mount.target)
    access = "ro" if mount.read_only else "rw"
    if mount.kind is MountKind.TMPFS:
        mode = _mode_of(root, target) if mount.tmpfs_mode is None else mount.tmpfs_mode
        size = () if mount.tmpfs_size_bytes is None else (f"size={mount.tmpfs_size_bytes}",)
        options = ("nosuid", "nodev", "noexec", access, f"mode={mode:o}", *size)
        return Mount(destination=target, type="tmpfs", source="tmpfs", options=options)
    if mount.kind is MountKind.BIND:
        options = ("rbind", mount.propagation or "rprivate", access)
        return Mount(destination=target, type="bind", source=mount.source, options=options)
    name = mount.source or anonymous[mount.target]
    seed = "" if mount.no_copy or mount.subpath else host_path(root, target)
    source = volumes.source(name, mount.subpath, seed=seed)
    return Mount(destination=target, type="bind", source=source, options=("rbind", "rprivate", access))


def _mode_of(root: str, target: str) -> int:
    """The mode of a tmpfs at `target` that nobody chose: that of the image's folder there, as in Docker, else open to all."""
    try:
        return stat.S_IMODE(os.lstat(os.path.join(root, target.lstrip("/"))).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return OPEN_TO_ALL


def _etc_mounts(folder: Folder, *, read_only: bool) -> list[Mount]:
    return [
        Mount(
            destination=resolve_in_root(folder.merged, f"/etc/{name}"),
            type="bind",
            source=folder.etc(name),
            options=("bind", "rprivate", "ro" if read_only else "rw"),
        )
        for name in ("hostname", "hosts", "resolv.conf")
    ]


def _file_mounts(files: tuple[FileSpec, ...], folder: Folder) -> list[Mount]:
    return [
        Mount(
            destination=resolve_in_root(folder.merged, file.target),
            type="bind",
            source=os.path.join(folder.files, str(number)),
            options=("bind", "rprivate", "ro"),
        )
        for number, file in enumerate(files)
    ]


def _plain(path: str) -> str:
    return os.path.normpath(path)


def read_text(path: str) -> str:
    """The text of a file of the host; "" when it does not exist."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""
