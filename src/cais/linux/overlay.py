"""Overlay mounts (Documentation/filesystems/overlayfs.rst) with any number of layers."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence

from cais.errors import HostError, PermissionNeeded
from cais.linux import xattr
from cais.linux.mount import MAX_OPTION_BYTES, mount

OPAQUE_XATTR = "trusted.overlay.opaque"
XATTR_PREFIX = "trusted.overlay."
_OPAQUE = b"y"

# The upper folder becomes a layer, so it must mean the same without the mount's own bookkeeping: no renamed folders that
# point back to a lower path, no files whose content stayed below.
_LAYER_FORM = "index=off,metacopy=off,redirect_dir=off"


def is_opaque(folder: str | bytes) -> bool:
    """Whether a folder of a layer hides what is below it."""
    return OPAQUE_XATTR in xattr.names(folder) and xattr.get(folder, OPAQUE_XATTR) == _OPAQUE


def mount_overlay(
    lowers: Sequence[str], upper: str | None, work: str | None, target: str, *, volatile: bool = False
) -> None:
    """Mount `lowers` (bottom first) with `upper` on top at `target`; without `upper` it is read-only and needs two lowers.

    Folders are handed to the kernel as `/proc/self/fd/N`: some 200 layers fit into mount(2)'s one page of options whatever their paths
    are, and commas and colons in paths need no escaping. (mountinfo therefore shows those names.)

    `volatile`: fsync inside does nothing and unmounting does not write back the whole upper file system (Linux 5.10). For content that
    is thrown away or made again after a power cut. Raises HostError or PermissionNeeded.
    """
    with contextlib.ExitStack() as stack:
        layers = ":".join(stack.enter_context(_opened(path)) for path in reversed(lowers))
        options = f"lowerdir={layers},{_LAYER_FORM}"
        if upper is not None and work is not None:
            options += f",upperdir={stack.enter_context(_opened(upper))},workdir={stack.enter_context(_opened(work))}"
            options += ",volatile" if volatile else ""
        if len(options) > MAX_OPTION_BYTES:
            raise HostError(f"{len(lowers)} layers are more than the kernel takes in one mount")
        try:
            mount("overlay", target, "overlay", 0, options)
        except OSError as error:
            raise _explain(error, target, upper) from error


@contextlib.contextmanager
def _opened(folder: str) -> Iterator[str]:
    try:
        fd = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise HostError(f'cannot use "{folder}" as a layer: {error.strerror}') from error
    try:
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)


def _explain(error: OSError, target: str, upper: str | None) -> HostError:
    message = f'cannot mount an overlay at "{target}": {error.strerror}'
    if error.errno == errno.EPERM:
        return PermissionNeeded(message, hint="run as root, or in a container that is allowed to mount (CAP_SYS_ADMIN)")
    if error.errno == errno.ENODEV:
        return HostError(message, hint="the kernel lacks overlayfs: modprobe overlay")
    if error.errno == errno.EINVAL and upper is not None:
        return HostError(
            message,
            hint=f'"{upper}" may be on a file system that cannot hold an upper layer (another overlay, NFS): '
            "set CAIS_ROOT to a folder on ext4, xfs, btrfs or tmpfs",
        )
    return HostError(message)
