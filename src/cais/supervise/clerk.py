"""What supervision goes on without when it fails: the history, the log file, held ports, the upkeep of the engine's helpers."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from cais.clock import Clock
from cais.engine.protocol import PortSpec
from cais.errors import CaisError
from cais.supervise.events import SupervisorEvent
from cais.supervise.history import History
from cais.supervise.journal import Journal
from cais.supervise.keeper import Seen
from cais.supervise.workers import Workers


class Closeable(Protocol):
    """Something held."""

    def close(self) -> None:
        """Let go."""


Upkeep = Callable[[], object]
Published = frozenset[tuple[str, tuple[PortSpec, ...]]]
"""Container ids with their ports."""
Hold = Callable[[Published], Sequence[Closeable]]
Relay = Callable[[Published], object]


class Clerk:
    """Does all of it in one thread of its own. What goes wrong is written to the log file, and that is all.

    `hold` gives what keeps the project's published ports; `relay` serves them where the kernel does not; `upkeep` looks after helpers of the engine that may have died.
    """

    def __init__(
        self,
        clock: Clock,
        history: History,
        journal: Journal,
        *,
        hold: Hold | None = None,
        relay: Relay | None = None,
        upkeep: Upkeep | None = None,
    ) -> None:
        self._clock = clock
        self._history = history
        self._journal = journal
        self._hold = hold
        self._relay = relay
        self._upkeep = upkeep
        self._held: Sequence[Closeable] = ()
        self._held_for: Published = frozenset()
        self._renewal: asyncio.Task[None] | None = None
        self._thread = Workers("clerk", 1)
        self._unsaved: deque[SupervisorEvent] = deque()
        self._saving: asyncio.Task[None] | None = None

    @property
    def has_upkeep(self) -> bool:
        """Whether `look_after` has anything to do."""
        return self._upkeep is not None

    async def seen(self) -> Mapping[str, Seen]:
        """What the history has of each container."""
        return await self._thread.run(self._history.seen)

    def keep(self, event: SupervisorEvent) -> None:
        """Put `event` into the history, soon."""
        self._unsaved.append(event)
        if self._saving is None:
            self._saving = asyncio.get_running_loop().create_task(self._save())

    def note(self, name: str, error: Exception) -> None:
        """Write an error to the log file; one of our own without its traceback."""
        trace = "" if isinstance(error, CaisError) else "\n" + "".join(traceback.format_exception(error))
        details = "".join(f"\n    {line}" for line in error.details) if isinstance(error, CaisError) else ""
        with contextlib.suppress(OSError):  # a full disk must not end the supervision
            self._journal.write(self._clock.now(), f"{name}: {type(error).__name__}: {error}{details}{trace}")

    async def renew_hold(self, published: Published) -> None:
        """Hold what is published, and nothing else, when it returns."""
        if published != self._held_for:
            self._held_for = published
            self._renewal = asyncio.get_running_loop().create_task(self._renew_hold(published))
        if self._renewal is not None:
            # Whoever asks for what is being done already waits for it too: that a service is stopped is told when its ports are free.
            await asyncio.wait((self._renewal,))

    async def _renew_hold(self, published: Published) -> None:
        if self._hold is not None:
            await self._try("holding ports", functools.partial(self._take_hold, self._hold, published))
        if self._relay is not None:
            await self._try("relaying ports", functools.partial(self._relay, published))

    async def look_after(self) -> None:
        """Do the upkeep."""
        if self._upkeep is not None:
            await self._try("upkeep", self._upkeep)

    async def saved(self) -> None:
        """Until all events so far are in the history."""
        while self._saving is not None:
            await asyncio.wait((self._saving,))

    async def close(self) -> None:
        """Save the last events and let go of what is held."""
        await self.saved()
        await self._try("letting go of ports", self._let_go)

    async def _save(self) -> None:
        while self._unsaved:
            batch = tuple(self._unsaved)
            self._unsaved.clear()
            await self._try("history", functools.partial(self._history.append, batch))
        self._saving = None

    def _take_hold(self, hold: Hold, published: Published) -> None:
        self._let_go()  # nothing can be held twice
        self._held = hold(published)

    def _let_go(self) -> None:
        for held in self._held:
            held.close()
        self._held = ()

    async def _try(self, doing: str, call: Callable[[], object]) -> None:
        try:
            await self._thread.run(call)
        except Exception as error:  # noqa: BLE001 - written down; the containers are kept all the same
            self.note(doing, error)
