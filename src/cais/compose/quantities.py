"""Durations and byte sizes as Compose writes them (Compose Specification, 11-extension.md, "Specifying durations" and "Specifying byte values")."""

from __future__ import annotations

import re

_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h|d|w)")
_UNIT_S = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
}
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kmgtpKMGTP]?)(?:[iI]?[bB])?\s*\Z")
_POWER = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_TOO_LARGE = 2**63


def parse_duration(text: str) -> float | None:
    """Seconds of a duration such as `1m30s`, `500ms` or `1h`; None when it is not one. `0` needs no unit, others do."""
    text = text.strip()
    if text == "0":
        return 0.0
    position, total = 0, 0.0
    while position < len(text):
        part = _DURATION_PART.match(text, position)
        if part is None:
            return None
        total += float(part[1]) * _UNIT_S[part[2]]
        position = part.end()
    # a hundredth of a nanosecond is noise of the addition, not something anybody wrote
    return round(total, 9) if text and total < _TOO_LARGE else None


def format_duration(seconds: float) -> str:
    """A duration as Go (and so `docker compose config`) writes it: `1m30s`, `500ms`."""
    nanoseconds = round(seconds * 1e9)
    if nanoseconds == 0:
        return "0s"
    for unit, size in (("ns", 1), ("µs", 1_000), ("ms", 1_000_000)):
        if nanoseconds < size * 1_000:
            return f"{_trim(nanoseconds, size)}{unit}"
    hours, rest = divmod(nanoseconds, 3_600_000_000_000)
    minutes, rest = divmod(rest, 60_000_000_000)
    written = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{written}{_trim(rest, 1_000_000_000)}s"


def _trim(amount: int, size: int) -> str:
    whole, part = divmod(amount, size)
    digits = len(str(size)) - 1
    return f"{whole}.{part:0{digits}d}".rstrip("0") if part else str(whole)


def parse_size(text: str) -> int | None:
    """Bytes of a size such as `512m`, `1.5gb`, `64k` (powers of 1024); None when it is not one. `-1` means unlimited."""
    if text.strip() == "-1":
        return -1
    found = _SIZE.match(text)
    if found is None:
        return None
    size = (
        int(float(found[1]) * 1024 ** _POWER[found[2].lower()])
        if "." in found[1]
        else int(found[1]) * 1024 ** _POWER[found[2].lower()]
    )
    return size if size < _TOO_LARGE else None
