"""Watching processes end. They are not the supervisor's children: pidfds tell."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Protocol


class ExitWatch(Protocol):
    """Tells when processes end; at most one process a container. Used in the event loop only."""

    def watch(self, container_id: str, pid: int, gone: Callable[[], None]) -> None:
        """Call `gone` once, when `pid` has ended (soon, if it has already); replaces an earlier watch of the container."""

    def unwatch(self, container_id: str) -> None:
        """Forget the container's process; nothing if there is none."""


class PidfdWatch:
    """The kernel's way: a pidfd becomes readable when its process ends, whoever its parent is."""

    def __init__(self) -> None:
        self._descriptors: dict[str, int] = {}

    def watch(self, container_id: str, pid: int, gone: Callable[[], None]) -> None:
        """See `ExitWatch.watch`."""
        self.unwatch(container_id)
        loop = asyncio.get_running_loop()
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            loop.call_soon(gone)
            return
        self._descriptors[container_id] = descriptor

        def readable() -> None:
            self.unwatch(container_id)
            gone()

        loop.add_reader(descriptor, readable)

    def unwatch(self, container_id: str) -> None:
        """See `ExitWatch.unwatch`."""
        descriptor = self._descriptors.pop(container_id, None)
        if descriptor is not None:
            asyncio.get_running_loop().remove_reader(descriptor)
            os.close(descriptor)
