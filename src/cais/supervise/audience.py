"""Who listens to the supervisor, and who waits for something. Used in the event loop only."""

from __future__ import annotations

import asyncio

from cais.supervise.events import SupervisorEvent
from cais.supervise.goals import Goal, WaitEnd, WaitOutcome, end_of_wait, outcome
from cais.supervise.kept import Kept

LISTENER_EVENTS = 1_000  # a listener that falls behind by more is cut off


class Listener:
    """One who hears every event; None in the queue is the end."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[SupervisorEvent | None] = asyncio.Queue()


class Waiter:
    """One who waits for a container to get somewhere. With `max_restarts`, patience ends after so many from now on."""

    def __init__(self, goal: Goal, max_restarts: int | None, restarts: int) -> None:
        self.goal = goal
        self.limit = None if max_restarts is None else restarts + max_restarts
        self.ended: asyncio.Future[WaitOutcome] = asyncio.get_running_loop().create_future()

    def look(self, kept: Kept) -> None:
        """End the wait if it is over."""
        end = end_of_wait(kept, self.goal)
        if end is None and self.limit is not None and kept.state.restart_count > self.limit:
            end = WaitEnd.CRASHING
        if end is not None:
            self.end(kept, end)

    def end(self, kept: Kept, end: WaitEnd) -> None:
        """End the wait."""
        if not self.ended.done():
            self.ended.set_result(outcome(kept, end))


class Audience:
    """All of them."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._waiters: dict[str, list[Waiter]] = {}

    def listen(self) -> Listener:
        """A listener that hears every event from now on."""
        listener = Listener()
        self._listeners.add(listener)
        return listener

    def ignore(self, listener: Listener) -> None:
        """Tell `listener` no more."""
        self._listeners.discard(listener)

    def tell(self, event: SupervisorEvent) -> None:
        """Tell every listener."""
        for listener in tuple(self._listeners):
            if listener.queue.qsize() < LISTENER_EVENTS:
                listener.queue.put_nowait(event)
            else:
                self._listeners.discard(listener)
                listener.queue.put_nowait(None)

    def dismiss(self) -> None:
        """Tell every listener that it is over."""
        for listener in self._listeners:
            listener.queue.put_nowait(None)
        self._listeners.clear()

    async def wait(
        self, kept: Kept, goal: Goal, timeout_s: float | None, max_restarts: int | None
    ) -> WaitOutcome | None:
        """Wait for `goal`; None when `timeout_s` passed first."""
        waiter = Waiter(goal, max_restarts, kept.state.restart_count)
        waiter.look(kept)
        waiters = self._waiters.setdefault(kept.state.id, [])
        waiters.append(waiter)
        try:
            return await asyncio.wait_for(waiter.ended, timeout_s)
        except TimeoutError:
            return None
        finally:
            waiters.remove(waiter)

    def show(self, kept: Kept) -> None:
        """Something about the container changed."""
        for waiter in self._waiters.get(kept.state.id, ()):
            waiter.look(kept)

    def bury(self, kept: Kept) -> None:
        """The container is no more."""
        for waiter in self._waiters.pop(kept.state.id, ()):
            waiter.end(kept, WaitEnd.REMOVED)
