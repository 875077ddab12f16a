"""Volumes of type `image`: another image's files, read-only (Compose Specification, "volumes")."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

from cais.engine.native import rootfs
from cais.engine.native.folders import Folder
from cais.engine.protocol import MountSpec
from cais.errors import CaisError
from cais.linux.overlay import mount_overlay
from cais.linux.rootpath import host_path


def show(folder: Folder, mount: MountSpec, layers: Sequence[str]) -> str:
    """The host path to be mounted for `mount`; the image is put together in the container's `folder`. Idempotent. Raises CaisError."""
    place = os.path.join(folder.images, hashlib.sha256(mount.target.encode()).hexdigest()[:16])
    os.makedirs(place, mode=0o700, exist_ok=True)
    if len(layers) == 1:
        place = layers[0]
    elif layers and not rootfs.is_mounted(place):
        mount_overlay(layers, None, None, place)
    path = host_path(place, mount.subpath) if mount.subpath else place
    if not os.path.exists(path):
        raise CaisError(f'the image that is mounted at "{mount.target}" has no "{mount.subpath}"')
    return path
