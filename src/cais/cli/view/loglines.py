"""Log lines with the name of who wrote them, coloured as Docker Compose does."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cais.clock import rfc3339
from cais.engine.protocol import ContainerState
from cais.project.logs import LogRecord, Remark

COLORS = ("36", "33", "32", "35", "34", "96", "93", "92", "95", "94")


class LogView:
    """Writes records; each container keeps its colour. Parts of a long line are joined."""

    def __init__(
        self,
        write: Callable[[str], object],
        *,
        color: bool,
        prefix: bool = True,
        timestamps: bool = False,
        project: str = "",
    ) -> None:
        self._write = write
        self._color = color
        self._prefix = prefix
        self._timestamps = timestamps
        self._project = project
        self._width = 0
        self._colors: dict[str, str] = {}
        self._parts: dict[tuple[str, str], str] = {}

    def know(self, containers: Iterable[ContainerState]) -> None:
        """Make room for these names, so that columns stay put."""
        self._width = max([self._width, *(len(self._label(c)) for c in containers)])

    def show(self, record: LogRecord | Remark) -> None:
        """Write one line of a container, or our own about one."""
        if isinstance(record, Remark):
            self._write(f"{self._head(record.container)}{record.text}\n")
            return
        key = (record.container.id, record.line.stream)
        text = self._parts.pop(key, "") + record.line.text
        if record.line.partial:
            self._parts[key] = text
            return
        stamp = f"{rfc3339(record.line.at)} " if self._timestamps else ""
        self._write(f"{self._head(record.container)}{stamp}{text}\n")

    def _label(self, container: ContainerState) -> str:
        name = container.name
        return name.removeprefix(f"{self._project}-") if self._project else name

    def _head(self, container: ContainerState) -> str:
        if not self._prefix:
            return ""
        label = self._label(container)
        self._width = max(self._width, len(label))
        head = f"{label.ljust(self._width)}  | "
        if not self._color:
            return head
        color = self._colors.setdefault(container.name, COLORS[len(self._colors) % len(COLORS)])
        return f"\x1b[{color}m{head}\x1b[0m"
