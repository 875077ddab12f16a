"""No progress: warnings and errors only."""

from __future__ import annotations

from collections.abc import Callable

from cais.events import Event, MessageEvent, Phase


class QuietView:
    """Shows nothing but warnings."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write

    def emit(self, event: Event) -> None:
        """Render `event`."""
        if isinstance(event, MessageEvent) and event.phase is not Phase.DONE:
            self._write(f"{event.phase.value}: {event.text}\n")

    def close(self) -> None:
        """Nothing is pending."""
