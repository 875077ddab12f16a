"""Starts made ahead while a plan waits: one container at a time, in the background, and undone for those whose start did not come."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Iterable

from cais.errors import CaisError


class Ahead:
    """Has `arm` called for containers by name, `disarm` for those left over.

    `changed` guards it: it is held by who calls `begin`, and is notified when a container is done with.
    """

    def __init__(self, arm: Callable[[str], None], disarm: Callable[[str], None], changed: threading.Condition) -> None:
        self._arm = arm
        self._disarm = disarm
        self._changed = changed
        self._tried: list[str] = []
        self._worker: threading.Thread | None = None

    def begin(self, names: Iterable[str]) -> None:
        """Take up the first of `names` that was not tried yet, unless one is being worked at."""
        if self._worker is not None:
            return
        name = next((name for name in names if name not in self._tried), None)
        if name is None:
            return
        self._tried.append(name)
        self._worker = threading.Thread(target=self._work, args=(name,), name=f"ahead of {name}", daemon=True)
        self._worker.start()

    def end(self, started: Collection[str]) -> None:
        """Wait for what is under way, and undo what is not among `started`. `changed` must not be held."""
        worker = self._worker
        if worker is not None:
            worker.join()
        for name in self._tried:
            if name not in started:
                # Nobody is harmed by what is left: a later start or removal finds it, and says what is wrong.
                with contextlib.suppress(CaisError, OSError):
                    self._disarm(name)

    def _work(self, name: str) -> None:
        # Whatever keeps it from being made ahead is met by the start itself, which says so.
        with contextlib.suppress(CaisError, OSError):
            self._arm(name)
        with self._changed:
            self._worker = None
            self._changed.notify_all()
