"""`blkio_config`: weights and rates of block devices as the runtime takes them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from cais.engine.details import BlockLimits, DeviceLimit
from cais.engine.native.oci import BlockIo, BlockRate, BlockWeight
from cais.errors import CaisError

LIGHTEST, HEAVIEST = 10, 1000


def block_io(limits: BlockLimits, available: AbstractSet[str], warnings: list[str]) -> BlockIo | None:
    """The limits whose controllers this machine has; the others go to `warnings`. Raises CaisError for what is no block device."""
    weighs = limits.has_weights and _may("block-weight", "block device weight", available, warnings)
    throttles = limits.has_rates and _may("block-rate", "block device rate", available, warnings)
    if not weighs and not throttles:
        return None
    return BlockIo(
        weight=_checked(limits.weight) if weighs and limits.weight is not None else None,
        weight_device=tuple(
            BlockWeight(major=major, minor=minor, weight=_checked(weight))
            for major, minor, weight in _numbers(limits.weights if weighs else ())
        ),
        read_bytes=_rates(limits.read_bytes if throttles else ()),
        write_bytes=_rates(limits.write_bytes if throttles else ()),
        read_operations=_rates(limits.read_operations if throttles else ()),
        write_operations=_rates(limits.write_operations if throttles else ()),
    )


def _may(controller: str, what: str, available: AbstractSet[str], warnings: list[str]) -> bool:
    if controller not in available:
        warnings.append(f"the {what} is not enforced: this machine's cgroups have no such control")
    return controller in available


def _checked(weight: int) -> int:
    if not LIGHTEST <= weight <= HEAVIEST:
        raise CaisError(f"block device weight {weight} is not between {LIGHTEST} and {HEAVIEST}")
    return weight


def _rates(asked: Iterable[DeviceLimit]) -> tuple[BlockRate, ...]:
    return tuple(BlockRate(major=major, minor=minor, rate=rate) for major, minor, rate in _numbers(asked))


def _numbers(asked: Iterable[DeviceLimit]) -> Iterator[tuple[int, int, int]]:
    """Major and minor number of each device, and its value."""
    for path, value in asked:
        try:
            status = os.stat(path)
        except OSError as error:
            raise CaisError(
                f'cannot limit "{path}": {error.strerror}', hint="name a block device, see lsblk"
            ) from error
        if not stat.S_ISBLK(status.st_mode):
            raise CaisError(f'cannot limit "{path}": it is no block device', hint="see lsblk")
        yield os.major(status.st_rdev), os.minor(status.st_rdev), value
