"""Progress for a log file or a pipe: one line an event, nothing redrawn."""

from __future__ import annotations

import threading
from collections.abc import Callable

from cais.events import BytesEvent, Event, MessageEvent, OutputEvent, Phase, ResourceEvent, StepEvent


class PlainView:
    """Writes a line for each event. Build output is shown with its step's number, in whole lines."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._pending: dict[tuple[str, int], str] = {}

    def emit(self, event: Event) -> None:
        """Render `event`."""
        with self._lock:
            match event:
                case ResourceEvent():
                    self._write(resource_line(event) + "\n")
                case StepEvent():
                    self._step(event)
                case OutputEvent():
                    self._output(event)
                case MessageEvent():
                    label = {Phase.WARNING: "warning: ", Phase.ERROR: "error: "}.get(event.phase, "")
                    self._write(f"{label}{event.text}\n")
                case BytesEvent():
                    pass  # a pipe has no use for a moving figure; the end of the work is an event of its own

    def close(self) -> None:
        """Write what is left of unfinished output lines."""
        with self._lock:
            for (build, step), text in self._pending.items():
                if text:
                    self._write(f"[{build} {step}] {text}\n")
            self._pending.clear()

    def _step(self, event: StepEvent) -> None:
        if event.phase is Phase.WORKING:
            cause = f"  ({event.detail})" if event.detail else ""
            self._write(f"[{event.build} {event.step}] {event.name}{cause}\n")
            return
        left = self._pending.pop((event.build, event.step), "")
        if left:
            self._write(f"[{event.build} {event.step}] {left}\n")
        if event.cached:
            self._write(f"[{event.build} {event.step}] {event.name}: CACHED\n")
        else:
            word = "ERROR" if event.phase is Phase.ERROR else "DONE"
            detail = f" {event.detail}" if event.detail else ""
            self._write(f"[{event.build} {event.step}] {word} {event.elapsed_s:.1f}s{detail}\n")

    def _output(self, event: OutputEvent) -> None:
        key = (event.build, event.step)
        *lines, rest = (self._pending.get(key, "") + event.text.replace("\r\n", "\n")).split("\n")
        self._pending[key] = rest
        for line in lines:
            self._write(f"[{event.build} {event.step}] {line.rpartition(chr(13))[2]}\n")


def resource_line(event: ResourceEvent) -> str:
    """` Container web-1  Started  (why)`."""
    detail = f"  ({event.detail})" if event.detail else ""
    return f" {event.kind} {event.name}  {event.status}{detail}"
