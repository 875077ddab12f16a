"""What the engine's modules work with, made once and handed down."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from cais import durable
from cais.clock import Clock
from cais.engine.native.folders import Folder, folder_of, lock_path
from cais.engine.native.netprotocol import Networking
from cais.engine.native.records import Records
from cais.engine.native.runtime import Runtime, choose
from cais.engine.native.volumes import Volumes
from cais.events import EventSink, MessageEvent, Phase
from cais.images.protocol import ImageStore
from cais.locations import Locations


class Parts:
    """The engine's surroundings. The runtime is looked up at its first use."""

    def __init__(
        self,
        *,
        locations: Locations,
        records: Records,
        images: ImageStore,
        networking: Networking,
        clock: Clock,
        events: EventSink,
    ) -> None:
        self.locations = locations
        self.records = records
        self.images = images
        self.networking = networking
        self.clock = clock
        self.events = events
        self.volumes = Volumes(locations, records, clock)
        self._runtime: Runtime | None = None

    @property
    def runtime(self) -> Runtime:
        """The OCI runtime of this machine."""
        if self._runtime is None:
            self._runtime = choose(self.locations.run)
        return self._runtime

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
