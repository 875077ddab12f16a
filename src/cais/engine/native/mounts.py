"""A container's mounts, files and /etc texts turned into the runtime's mounts; what they need is made here."""

from __future__ import annotations

import os
import platform
import stat
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile

import msgspec

from cais import durable
from cais.engine.native import etcfiles, imagemounts
from cais.engine.native.folders import Folder
from cais.engine.native.mountpoints import MountPoint, make
from cais.engine.native.oci import Mount
from cais.engine.native.volumes import Volumes
from cais.engine.protocol import ContainerSpec, FileSpec, MountKind, MountSpec, Recursion
from cais.errors import CaisError
from cais.images.model import RunConfig
from cais.linux.mount import passes_on
from cais.linux.rootpath import host_path, resolve_in_root

OPEN_TO_ALL = 0o1777
RECURSIVE_READ_ONLY_SINCE = (5, 12)  # of Linux: mount_setattr(2)
_RUNTIMES_OWN = ("dev", "proc", "sys")


def anonymous_targets(spec: ContainerSpec, image: RunConfig) -> tuple[str, ...]:
    """Where a container has anonymous volumes: those asked for, and the image's unless something else is mounted there."""
    asked = [mount.target for mount in spec.mounts if mount.kind is MountKind.VOLUME and not mount.source]
    taken = {_plain(mount.target) for mount in spec.mounts}
    return (*asked, *(target for target in image.volumes if _plain(target) not in taken))


def check_sources(spec: ContainerSpec) -> None:
    """Make bind sources that may be made; raises CaisError for one that is missing."""
    for file in spec.files:
        if file.source and not os.path.isfile(file.source):
            raise CaisError(
                f'file "{file.source}" for "{file.target}" does not exist',
                hint="create it; to give a folder, leave uid, gid and mode out",
            )
    for mount in spec.mounts:
        if mount.kind is MountKind.BIND and not os.path.exists(mount.source):
            if not mount.create_host_path:
                raise CaisError(
                    f'bind source "{mount.source}" for "{mount.target}" does not exist',
                    hint="create it, or let it be created: create_host_path: true",
                )
            os.makedirs(mount.source, exist_ok=True)
        if mount.kind is MountKind.BIND:
            _check_propagation(mount)


def _check_propagation(mount: MountSpec) -> None:
    """Mounts can only be passed on, or received, where the host's mount does."""
    needed = {"shared": {"shared"}, "slave": {"shared", "slave"}}.get(mount.propagation.removeprefix("r"))
    if needed and not needed & passes_on(mount.source):
        raise CaisError(
            f'"{mount.source}" cannot be mounted with propagation "{mount.propagation}": it does not lie on a shared mount',
            hint="make the host's mount shared: mount --make-shared",
        )


class Surroundings(msgspec.Struct, frozen=True):
    """What mounts are made of: the container's folder and anonymous volumes (names by target), the volumes, and the layers of an image (bottom first)."""

    folder: Folder
    volumes: Volumes
    anonymous: Mapping[str, str]
    layers_of: Callable[[str], Sequence[str]]


def resolve(spec: ContainerSpec, image: RunConfig, around: Surroundings) -> tuple[Mount, ...]:
    """All mounts of a container but the standard ones."""
    check_sources(spec)
    folder = around.folder
    write_files(spec.files, folder, again=True)
    said = {mount.target for mount in spec.mounts}
    unsaid = (target for target in anonymous_targets(spec, image) if target not in said)
    everything = (*spec.mounts, *(MountSpec(kind=MountKind.VOLUME, source="", target=target) for target in unsaid))
    asked = [_resolved(mount, around) for mount in everything]
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


def write_files(files: tuple[FileSpec, ...], folder: Folder, *, again: bool = False) -> None:
    """Lay the contents of secrets and configs into the container's folder, with their owners and modes; `again` only those that are files of the host."""
    if files:
        os.makedirs(folder.files, mode=0o700, exist_ok=True)
    for number, file in enumerate(files):
        if again and not file.source:
            continue
        path = os.path.join(folder.files, str(number))
        content = _read(file.source) if file.source else file.content
        durable.write(path, content, mode=0o600, sync=False)
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


def _resolved(mount: MountSpec, around: Surroundings) -> Mount:
    root = around.folder.merged
    target = resolve_in_root(root, mount.target)
    match mount.kind:
        case MountKind.TMPFS:
            return Mount(destination=target, type="tmpfs", source="tmpfs", options=_tmpfs_options(mount, root, target))
        case MountKind.BIND:
            source = mount.source
        case MountKind.VOLUME:
            name = mount.source or around.anonymous[mount.target]
            seed = "" if mount.no_copy or mount.subpath else host_path(root, target)
            source = around.volumes.source(name, mount.subpath, seed=seed)
        case MountKind.IMAGE:
            source = imagemounts.show(around.folder, mount, around.layers_of(mount.source))
    return Mount(destination=target, type="bind", source=source, options=_bind_options(mount, source))


def _bind_options(mount: MountSpec, source: str) -> tuple[str, ...]:
    """As Docker: what is mounted below comes along, read-only where the mount is, unless told otherwise."""
    how, propagation = "rbind", mount.propagation or "rprivate"
    if mount.recursion is Recursion.DISABLED:
        # To crun each word that begins with r asks for what is mounted below too.
        how, propagation = "bind", propagation.removeprefix("r")
    read_only = mount.read_only or mount.kind is MountKind.IMAGE
    may_recurse = mount.recursion in (Recursion.ENABLED, Recursion.READONLY) and _has_recursive_read_only()
    if mount.recursion is Recursion.READONLY and not may_recurse:
        raise CaisError(f'"{mount.target}" cannot be mounted read-only with all below it', hint="that needs Linux 5.12")
    # Below a file nothing is mounted, and crun 1.8 cannot do it to one.
    access = ("rro" if may_recurse and os.path.isdir(source) else "ro") if read_only else "rw"
    return how, propagation, access


def _has_recursive_read_only() -> bool:
    major, minor = platform.release().split(".")[:2]
    return (int(major), int("".join(takewhile(str.isdecimal, minor)))) >= RECURSIVE_READ_ONLY_SINCE


def _tmpfs_options(mount: MountSpec, root: str, target: str) -> tuple[str, ...]:
    """Docker's defaults, each unless its contrary is asked for."""
    asked = mount.tmpfs_options
    defaults = [flag for flag in ("nosuid", "nodev", "noexec") if flag.removeprefix("no") not in asked]
    mode = _mode_of(root, target) if mount.tmpfs_mode is None else mount.tmpfs_mode
    size = () if mount.tmpfs_size_bytes is None else (f"size={mount.tmpfs_size_bytes}",)
    return (*defaults, "ro" if mount.read_only else "rw", f"mode={mode:o}", *size, *asked)


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


def _read(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()


def _plain(path: str) -> str:
    return os.path.normpath(path)


def read_text(path: str) -> str:
    """The text of a file of the host; "" when it does not exist."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""
