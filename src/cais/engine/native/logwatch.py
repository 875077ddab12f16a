"""Keeps several files of the logs that have a size: looks at once when conmon has begun one anew. Used by the supervisor."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from cais.engine.native.folders import folder_of
from cais.engine.native.logfiles import rotate
from cais.locations import Locations

if TYPE_CHECKING:
    from cais.linux.inotify import Arrivals

LOG_NAME = "log"


class LogWatch:
    """Watches the logs it is told of, in a thread that it starts with the first. A container that is removed is forgotten."""

    def __init__(self, locations: Locations) -> None:
        self._locations = locations
        self._arrivals: Arrivals | None = None
        self._watched: dict[int, tuple[str, int]] = {}

    def watch(self, container_id: str, max_files: int) -> None:
        """Keep `max_files` files of the container's log; the same again is fine."""
        from cais.linux.inotify import Arrivals

        if self._arrivals is None:
            self._arrivals = Arrivals()
            threading.Thread(target=self._work, args=(self._arrivals,), name="logs", daemon=True).start()
        folder = folder_of(self._locations, container_id)
        with contextlib.suppress(FileNotFoundError):  # it was removed just now
            self._watched[self._arrivals.watch(folder.path)] = (container_id, max_files)
            self._look(container_id, max_files)

    def _work(self, arrivals: Arrivals) -> None:
        while True:
            for number, name, is_over in arrivals.read():
                if is_over:
                    self._watched.pop(number, None)
                elif name == LOG_NAME and number in self._watched:
                    self._look(*self._watched[number])

    def _look(self, container_id: str, max_files: int) -> None:
        folder = folder_of(self._locations, container_id)
        with contextlib.suppress(FileNotFoundError):  # it is being removed
            rotate(folder.log, max_files, folder.log_lock)
