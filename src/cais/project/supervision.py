"""The project's supervisor as commands use it: started early in the background, connected to when needed, started again when lost."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from cais.locations import Locations
from cais.supervise.channel import Client, connect
from cais.supervise.spawn import Spawned


class ProjectSupervisor:
    """Implements `waiting.Supervisor`. `argv` is the command line of a supervisor. Safe to use from several threads."""

    def __init__(self, locations: Locations, project: str, argv: Sequence[str]) -> None:
        self._locations = locations
        self._project = project
        self._argv = argv
        self._lock = threading.Lock()
        self._spawned: Spawned | None = None
        self._client: Client | None = None

    def prepare(self) -> None:
        """Start it, if none lives, without waiting until it is ready."""
        with self._lock:
            if self._spawned is None and self._client is None:
                self._spawned = Spawned(self._locations, self._project, self._argv)

    def existing(self) -> Client | None:
        """A client when a supervisor lives or is on its way."""
        with self._lock:
            if self._spawned is not None or self._client is not None:
                return self._ready()
            self._client = connect(self._locations, self._project)
            return self._client

    def client(self) -> Client:
        """A client; a supervisor is started when none lives."""
        with self._lock:
            return self._ready()

    def renew(self) -> Client:
        """A client of a new supervisor: the last one was lost."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None
            return self._ready()

    def _ready(self) -> Client:
        if self._client is None:
            spawned = self._spawned or Spawned(self._locations, self._project, self._argv)
            self._spawned = None
            self._client = spawned.client()
        return self._client
