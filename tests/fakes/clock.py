"""A clock that moves only when a test says so."""

from collections.abc import Callable

EPOCH = 1_700_000_000.0


class FakeClock:
    """Seconds stand still until `advance`; what was planned with `at` happens on the way, in order."""

    def __init__(self) -> None:
        self._elapsed = 0.0
        self._planned: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def now(self) -> float:
        return EPOCH + self._elapsed

    def monotonic(self) -> float:
        return self._elapsed

    def at(self, monotonic: float, happen: Callable[[], None]) -> None:
        """Call `happen` when the clock reaches `monotonic`."""
        self._count += 1
        self._planned.append((monotonic, self._count, happen))

    def advance(self, seconds: float) -> None:
        """Move the clock, stopping at each planned moment."""
        target = self._elapsed + seconds
        while due := sorted(entry for entry in self._planned if entry[0] <= target):
            moment, _, happen = due[0]
            self._planned.remove(due[0])
            self._elapsed = max(self._elapsed, moment)
            happen()
        self._elapsed = target
