"""When something that failed is tried again, and after how long. Pure: waiting is the caller's."""

from __future__ import annotations

import msgspec

# Said by those who are busy or stumble, not by those who refuse (RFC 9110, section 15; RFC 6585 for 429).
TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """`attempts` in a row that may fail; the wait after the first, doubled each time, up to `most_s`. A registry that wants a longer pause than
    `patience_s` is not waited for. A transfer that got `progress_bytes` further has not failed in a row."""

    attempts: int = 5
    first_s: float = 0.25
    most_s: float = 8.0
    patience_s: float = 60.0
    progress_bytes: int = 1 << 20

    def delay_s(self, failures: int, asked_s: float | None, jitter: float) -> float | None:
        """How long to wait after `failures` in a row (at least 1), None to give up. `asked_s` is what the registry wants, `jitter` in [0, 1)
        spreads those who failed together."""
        if failures >= self.attempts or (asked_s is not None and asked_s > self.patience_s):
            return None
        own_s: float = min(self.most_s, self.first_s * 2 ** (failures - 1)) * (0.75 + jitter / 2)
        return max(own_s, asked_s or 0.0)


DEFAULT_RETRY = RetryPolicy()


def retry_after_s(header: str | None, now: float) -> float | None:
    """A `Retry-After` in seconds (RFC 9110, section 10.2.3: a number or a date); None for none that can be read."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    from email.utils import parsedate_to_datetime  # 10 ms, which `up` needs not spend

    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return max(0.0, at.timestamp() - now)
