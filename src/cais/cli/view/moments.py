"""Times on the command line: `--since 42m`, `--since 2026-01-02T15:04:05Z`, `--since 1767366245`."""

from __future__ import annotations

import datetime
import re

from cais.errors import UsageError

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def moment(text: str, now: float) -> float:
    """Seconds since the epoch; raises UsageError for what is no time."""
    if re.fullmatch(r"(\d+(\.\d+)?(ms|s|m|h|d))+", text):
        parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text)
        return now - sum(float(number) * UNITS[unit] for number, unit in parts)
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    try:
        parsed = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f'"{text}" is not a time', hint="write 42m, 1h30m or 2026-01-02T15:04:05Z") from error
    return parsed.timestamp() if parsed.tzinfo else parsed.astimezone().timestamp()
