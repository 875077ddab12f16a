"""A container's root: an overlay of its image's layers and its own upper folder."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Sequence

from cais.engine.native.folders import Folder
from cais.linux import mount
from cais.linux.overlay import mount_overlay
from cais.linux.rootpath import host_path


def prepare(folder: Folder, lowers: Sequence[str]) -> None:
    """Make the upper folder, with the mode and owner of the image's root, and mount; idempotent."""
    for path in (folder.work, folder.merged, folder.exits):
        os.makedirs(path, mode=0o700, exist_ok=True)
    layers = lowers or (_empty_layer(folder),)
    if not os.path.isdir(folder.upper):
        # The root of an overlay has the attributes of its upper folder.
        model = os.stat(layers[-1])
        os.mkdir(folder.upper)
        os.chown(folder.upper, model.st_uid, model.st_gid)
        os.chmod(folder.upper, model.st_mode & 0o7777)
    if not is_mounted(folder.merged):
        mount_overlay(layers, folder.upper, folder.work, folder.merged)


def mark(folder: Folder) -> None:
    """Put into the root what Docker puts into every container's and programs look for; idempotent."""
    # Programs tell by this file that they run in a container.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(f"{folder.merged}/.dockerenv", os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o755))
    etc = host_path(folder.merged, "/etc")
    if not os.path.lexists(etc):
        os.mkdir(etc, 0o755)
    if os.path.isdir(etc):
        with contextlib.suppress(FileExistsError):
            os.symlink("/proc/mounts", f"{etc}/mtab")


def is_mounted(path: str) -> bool:
    """Whether something is mounted at folder `path`: it is on another device than its parent. Two stat calls."""
    try:
        return os.stat(path).st_dev != os.stat(os.path.dirname(path)).st_dev
    except FileNotFoundError:
        return False


def share_memory(folder: Folder, size_bytes: int) -> None:
    """Mount the /dev/shm that other containers may join; idempotent."""
    os.makedirs(folder.shm, exist_ok=True)
    if not is_mounted(folder.shm):
        mount.tmpfs(folder.shm, f"mode=1777,size={size_bytes}", mount.MS_NOSUID | mount.MS_NODEV | mount.MS_NOEXEC)


def remove(folder: Folder) -> None:
    """Unmount and delete all of a container's files; idempotent."""
    shown = [os.path.join(folder.images, name) for name in entries(folder.images)]
    for path in (folder.shm, *shown, folder.merged):
        release(path)
    delete_tree(folder.run)
    delete_tree(folder.path)


def release(path: str) -> None:
    """Unmount `path`, if it is mounted, and remove the mount point.

    Removing it takes the mount out of every other mount namespace too, such as those that the monitors of other containers have.
    """
    with contextlib.suppress(FileNotFoundError):
        release_mount(path)
        os.rmdir(path)


def release_mount(path: str) -> None:
    """Unmount `path` as often as it is mounted; no error when it is not there."""
    while is_mounted(path):
        mount.unmount(path, lazy=True)


def delete_tree(path: str) -> None:
    """Delete a folder with all in it; no error when it is not there. Never crosses into a mount that could not be taken away."""
    import shutil

    if not os.path.lexists(path):
        return
    if mount.mounts_below(path):
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), path)
    # Several ends may come at once, so what is gone already is no error.
    shutil.rmtree(path, onerror=_unless_gone)


def _unless_gone(_function: object, _path: str, error: tuple[type[BaseException], BaseException, object]) -> None:
    if not isinstance(error[1], FileNotFoundError):
        raise error[1]


def entries(path: str) -> list[str]:
    """The names in a folder; none when it is not there."""
    try:
        return os.listdir(path)
    except FileNotFoundError:
        return []


def _empty_layer(folder: Folder) -> str:
    # An image without layers (scratch) still needs something below.
    path = os.path.join(folder.path, "empty")
    os.makedirs(path, mode=0o755, exist_ok=True)
    return path
