"""`--explain`: what became of each step of a build, and why."""

from __future__ import annotations

import threading
from typing import Protocol

from cais.events import Event, Phase, StepEvent


class Sink(Protocol):
    """Takes events."""

    def emit(self, event: Event) -> None:
        """Take one."""


class Explaining:
    """Hands events on to another view, and keeps what they say of steps."""

    def __init__(self, view: Sink) -> None:
        self._view = view
        self._steps: dict[tuple[str, int], StepEvent] = {}
        self._causes: dict[tuple[str, int], str] = {}
        self._lock = threading.Lock()

    def emit(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, StepEvent):
            key = (event.build, event.step)
            with self._lock:
                self._steps[key] = event
                if event.phase is Phase.WORKING:
                    self._causes[key] = event.detail
        self._view.emit(event)

    def text(self) -> str:
        """One line a step: where it stands, what it is, what became of it. Ends with a newline unless there were none."""
        rows = [(*_left(event), self._outcome(key, event)) for key, event in sorted(self._steps.items())]
        widths = [max((len(row[column]) for row in rows), default=0) for column in range(2)]
        return "".join(f"{place:<{widths[0]}}  {name:<{widths[1]}}  {outcome}\n" for place, name, outcome in rows)

    def _outcome(self, key: tuple[str, int], event: StepEvent) -> str:
        if event.cached:
            return "cached"
        if event.phase is Phase.ERROR:
            return f"failed after {event.elapsed_s:.1f} s"
        why = self._causes.get(key, "") or "made for the first time"
        return f"made in {event.elapsed_s:.1f} s: {why}" if event.phase is Phase.DONE else f"given up: {why}"


def _left(event: StepEvent) -> tuple[str, str]:
    name = event.name if len(event.name) <= 60 else event.name[:59] + "…"
    return f"{event.build} {event.place}".strip(), name
