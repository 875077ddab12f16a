"""Progress for a terminal: one row a resource or build step, redrawn in place, each with its clock."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import msgspec

from cais.clock import Clock
from cais.events import BytesEvent, Event, MessageEvent, OutputEvent, Phase, ResourceEvent, StepEvent

MARKS = {Phase.WORKING: "⠿", Phase.DONE: "✔", Phase.WARNING: "!", Phase.ERROR: "✘"}
COLORS = {Phase.WORKING: "\x1b[36m", Phase.DONE: "\x1b[32m", Phase.WARNING: "\x1b[33m", Phase.ERROR: "\x1b[31m"}
RESET = "\x1b[0m"
CLEAR_BELOW = "\x1b[J"
OUTPUT_LINES = 6
REDRAW_S = 0.1
BAR_COLUMNS = 20


class _Row(msgspec.Struct):
    label: str
    phase: Phase
    status: str
    began: float
    ended: float | None = None
    output: list[str] = []


class TtyView:
    """Redraws its rows at most ten times a second; messages scroll above them. `size` gives columns and rows."""

    def __init__(self, write: Callable[[str], object], clock: Clock, size: Callable[[], tuple[int, int]]) -> None:
        self._write = write
        self._clock = clock
        self._size = size
        self._rows: dict[str, _Row] = {}
        self._drawn = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._ticker: threading.Thread | None = None

    def emit(self, event: Event) -> None:
        """Render `event`."""
        with self._lock:
            match event:
                case ResourceEvent():
                    self._update(
                        f"{event.kind} {event.name}",
                        f"{event.kind} {event.name}",
                        event.phase,
                        event.status,
                        event.detail,
                    )
                case StepEvent():
                    status = "CACHED" if event.cached else ("" if event.phase is not Phase.ERROR else "ERROR")
                    label = f"[{event.build} {event.step}] {event.name}"
                    key = f"{event.build}\0{event.step}"
                    before = self._rows.get(key)
                    if event.phase is Phase.DONE and before is not None and not event.cached and not event.detail:
                        status = before.status  # why the step was made stays on the screen
                    self._update(key, label, event.phase, status, event.detail)
                case OutputEvent():
                    self._output(event)
                case BytesEvent():
                    name = f"{event.kind} {event.name}"
                    self._update(name, name, Phase.WORKING, _transfer(event), "")
                case MessageEvent():
                    self._erase()
                    label = {Phase.WARNING: "warning: ", Phase.ERROR: "error: "}.get(event.phase, "")
                    self._write(f"{label}{event.text}\n")
            self._draw()
            if self._ticker is None and not self._stop.is_set():
                self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)
                self._ticker.start()

    def close(self) -> None:
        """Draw the last state and leave it on the screen."""
        self._stop.set()
        with self._lock:
            self._draw(final=True)
            self._rows.clear()
            self._drawn = 0

    def _tick(self) -> None:
        while not self._stop.wait(REDRAW_S):
            with self._lock:
                if any(row.ended is None for row in self._rows.values()):
                    self._draw()

    def _update(self, key: str, label: str, phase: Phase, status: str, detail: str) -> None:
        now = self._clock.monotonic()
        row = self._rows.setdefault(key, _Row(label=label, phase=phase, status=status, began=now))
        row.phase = phase
        row.status = f"{status}  {detail}" if detail else status
        row.ended = None if phase is Phase.WORKING else now

    def _output(self, event: OutputEvent) -> None:
        row = self._rows.get(f"{event.build}\0{event.step}")
        if row is not None:
            lines = [line.rpartition("\r")[2] for line in event.text.rstrip("\r\n").split("\n")]
            row.output = [*row.output, *lines][-OUTPUT_LINES:]

    def _erase(self) -> None:
        if self._drawn:
            self._write(f"\x1b[{self._drawn}F{CLEAR_BELOW}")
            self._drawn = 0

    def _draw(self, *, final: bool = False) -> None:
        columns, height = self._size()
        lines: list[str] = []
        for row in self._rows.values():
            lines.append(self._line(row, columns))
            if row.phase is Phase.WORKING and not final:
                lines.extend(f"   \x1b[2m{_cut(text, columns - 4)}{RESET}" for text in row.output)
        if not final:
            lines = lines[-max(1, height - 1) :]  # what scrolled off the top could not be erased again
        self._erase()
        self._write("".join(line + "\n" for line in lines))
        self._drawn = len(lines)

    def _line(self, row: _Row, columns: int) -> str:
        seconds = (self._clock.monotonic() if row.ended is None else row.ended) - row.began
        clock = f"{seconds:.1f}s"
        text = _cut(f"{row.label}  {row.status}", columns - len(clock) - 4)
        return f" {COLORS[row.phase]}{MARKS[row.phase]}{RESET} {text}{' ' * max(1, columns - len(text) - len(clock) - 4)}{clock}"


def terminal_size(fd: int) -> tuple[int, int]:
    """Columns and rows of the terminal on `fd`; 80 by 24 when it does not say."""
    try:
        size = os.get_terminal_size(fd)
    except OSError:  # not a terminal after all
        return 80, 24
    return size.columns or 80, size.lines or 24


def _transfer(event: BytesEvent) -> str:
    """`[=====>    ] 12.3/25.0 MB`; without the bar while the whole is not known."""
    done = f"{event.done / 1e6:.1f}"
    if not event.total:
        return f"{done} MB"
    filled = min(BAR_COLUMNS, BAR_COLUMNS * event.done // event.total)
    bar = ("=" * filled + ">" * (filled < BAR_COLUMNS)).ljust(BAR_COLUMNS)
    return f"[{bar}] {done}/{event.total / 1e6:.1f} MB"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"
