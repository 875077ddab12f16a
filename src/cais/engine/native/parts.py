"""What the engine's modules work with, made once and handed down."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from cais import durable
from cais.clock import Clock
from cais.engine.native.folders import Folder, folder_of, lock_path
from cais.engine.native.netprotocol import Networking
from cais.engine.native.records import Records
from cais.events import EventSink, MessageEvent, Phase
from cais.linux.migration import QuickMoves
from cais.locations import Locations

if TYPE_CHECKING:
    from cais.engine.native.filtercache import FilterCache
    from cais.engine.native.runtime import Runtime
    from cais.engine.native.volumes import Volumes
    from cais.images.protocol import ImageStore


class Parts:
    """The engine's surroundings. What `ps` does not need is made at its first use."""

    def __init__(
        self,
        *,
        locations: Locations,
        records: Records,
        images: Callable[[], ImageStore],
        networking: Callable[[], Networking],
        clock: Clock,
        events: EventSink,
    ) -> None:
        self.locations = locations
        self.records = records
        self._images = images
        self._networking = networking
        self.clock = clock
        self.events = events
        self.moves = QuickMoves()
        self._volumes: Volumes | None = None
        self._runtimes: dict[str, Runtime] = {}

    @property
    def images(self) -> ImageStore:
        """The images of this root."""
        return self._images()

    @property
    def networking(self) -> Networking:
        """The networks and endpoints of this root."""
        return self._networking()

    def runtime(self, named: str) -> Runtime:
        """The OCI runtime of that name (a container's `spec.runtime`); for "" the best one of this machine."""
        if named not in self._runtimes:
            from cais.engine.native.runtime import choose

            self._runtimes[named] = choose(self.locations, named)
        return self._runtimes[named]

    def filters(self, named: str) -> FilterCache:
        """Seccomp filters that were made already, for the runtime of that name."""
        from cais.engine.native.filtercache import FilterCache

        return FilterCache(self.locations.run, self.runtime(named))

    @property
    def volumes(self) -> Volumes:
        """The volumes of this root."""
        if self._volumes is None:
            from cais.engine.native.volumes import Volumes

            self._volumes = Volumes(self.locations, self.records, self.clock)
        return self._volumes

    def folder(self, container_id: str) -> Folder:
        """Where a container's files lie."""
        return folder_of(self.locations, container_id)

    @contextlib.contextmanager
    def locked(self, container_id: str) -> Iterator[None]:
        """Hold a container's lock, which other processes and threads respect."""
        path = lock_path(self.locations, container_id)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with durable.locked(path):
            yield

    def warn(self, text: str) -> None:
        """Tell the user something that is not an error."""
        self.events.emit(MessageEvent(phase=Phase.WARNING, text=text))
