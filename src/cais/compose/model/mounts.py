"""A service's `volumes` in long form."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class ServiceMount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One mount. `type` is bind, volume, tmpfs, image, npipe or cluster. `source`: an absolute path (bind), a key of the project's volumes or ""
    (anonymous), an image's reference.
    """

    type: str
    target: str
    source: str = ""
    read_only: bool = False
    bind_propagation: str = ""
    bind_create_host_path: bool = True
    bind_selinux: str = ""
    bind_recursive: str = ""
    volume_nocopy: bool = False
    volume_subpath: str = ""
    volume_labels: Mapping[str, str] = {}
    tmpfs_size: int | None = None
    tmpfs_mode: int | None = None
    image_subpath: str = ""
    consistency: str = ""
