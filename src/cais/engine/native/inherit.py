"""`volumes_from`: the mounts of other containers, as they were made (docker run --volumes-from)."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from cais.engine.native.records import Record, Records
from cais.engine.protocol import ContainerSpec, MountKind, MountSpec
from cais.errors import NotFoundError


def with_borrowed(records: Records, spec: ContainerSpec) -> ContainerSpec:
    """`spec` with the mounts of the containers it takes volumes from; its own stay where both have one. Raises NotFoundError."""
    own = {mount.target for mount in spec.mounts}
    borrowed: dict[str, MountSpec] = {}
    for name, read_only in spec.volumes_from:
        other = records.find(name)
        if other is None:
            raise NotFoundError(
                f'container "{name}", whose volumes "{spec.name}" takes, does not exist', hint="create it first"
            )
        for mount in _mounts_of(other):
            if mount.target not in own:
                borrowed[mount.target] = msgspec.structs.replace(
                    mount, read_only=mount.read_only or read_only, is_borrowed=True
                )
    return msgspec.structs.replace(spec, mounts=(*spec.mounts, *borrowed.values())) if borrowed else spec


def _mounts_of(other: Record) -> Iterator[MountSpec]:
    anonymous = other.life.anonymous_volumes
    for mount in other.spec.mounts:
        if mount.kind is not MountKind.TMPFS and mount.target not in anonymous:
            yield mount
    for target, name in anonymous.items():
        yield MountSpec(kind=MountKind.VOLUME, source=name, target=target)
