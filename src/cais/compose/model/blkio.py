"""`blkio_config` of a service (Compose Specification, 05-services.md, "blkio_config")."""

from __future__ import annotations

import msgspec


class DeviceWeight(msgspec.Struct, frozen=True, kw_only=True):
    """A device's weight, 10 to 1000; `path` names a block device of the host."""

    path: str
    weight: int


class DeviceRate(msgspec.Struct, frozen=True, kw_only=True):
    """A device's limit, in bytes or operations a second."""

    path: str
    rate: int


class BlkioConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Limits of block devices; `weight` 10 to 1000."""

    weight: int | None = None
    weight_device: tuple[DeviceWeight, ...] = ()
    device_read_bps: tuple[DeviceRate, ...] = ()
    device_write_bps: tuple[DeviceRate, ...] = ()
    device_read_iops: tuple[DeviceRate, ...] = ()
    device_write_iops: tuple[DeviceRate, ...] = ()
