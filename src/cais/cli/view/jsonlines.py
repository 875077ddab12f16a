"""Progress for programs: one JSON object a line."""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec

from cais.events import Event


class JsonView:
    """Writes each event as JSON with its tag under "type"."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._lock = threading.Lock()

    def emit(self, event: Event) -> None:
        """Render `event`."""
        line = msgspec.json.encode(event).decode()
        with self._lock:
            self._write(line + "\n")

    def close(self) -> None:
        """Nothing is pending."""
