"""Parts of a container's specification that few modules look into."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec

DeviceLimit = tuple[str, int]
"""A block device of the host (its path) and its weight or rate."""


class LogDriver(enum.Enum):
    """Where a container's output goes: files that can be read again, or nowhere. json-file and local differ in their defaults only."""

    JSON_FILE = "json-file"
    LOCAL = "local"
    NONE = "none"


class LogSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a log is kept: at most `max_files` files of `max_bytes` (None for no limit)."""

    driver: LogDriver = LogDriver.JSON_FILE
    max_bytes: int | None = None
    max_files: int = 1


class HookSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A command to be run inside a container after its start or before its stop; what is not said is as for the container itself.

    A variable of None is unset.
    """

    command: tuple[str, ...]
    user: str = ""
    privileged: bool = False
    working_dir: str = ""
    environment: Mapping[str, str | None] = {}


class Captured(msgspec.Struct, frozen=True, kw_only=True):
    """How a command inside a container ended, and the last it wrote (at most 4 KiB)."""

    exit_code: int
    output: str


class BlockLimits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Limits of block devices: weights from 10 to 1000, rates in bytes or operations a second."""

    weight: int | None = None
    weights: tuple[DeviceLimit, ...] = ()
    read_bytes: tuple[DeviceLimit, ...] = ()
    write_bytes: tuple[DeviceLimit, ...] = ()
    read_operations: tuple[DeviceLimit, ...] = ()
    write_operations: tuple[DeviceLimit, ...] = ()

    @property
    def has_weights(self) -> bool:
        """Whether anything is weighed."""
        return self.weight is not None or bool(self.weights)

    @property
    def has_rates(self) -> bool:
        """Whether anything is throttled."""
        return any((self.read_bytes, self.write_bytes, self.read_operations, self.write_operations))
