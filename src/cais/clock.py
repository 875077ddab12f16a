"""Time comes in through a Clock, so that no test sleeps to be right."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Seconds, as floats."""

    def now(self) -> float:
        """Seconds since the epoch (for records people read)."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start (for waits and durations)."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since boot, without suspension."""
        return time.monotonic()


def rfc3339(seconds: float) -> str:
    """`seconds` since the epoch as RFC 3339 in UTC with microseconds, the form OCI and Docker use."""
    whole = int(seconds // 1)
    micro = int((seconds - whole) * 1_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{micro:06d}Z"
