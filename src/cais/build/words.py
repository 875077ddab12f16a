"""Small notations of instructions: ports, durations, signals, lists as Docker's history shows them."""

from __future__ import annotations

import re
import signal as signals
from collections.abc import Sequence

from cais.build import gitaddress
from cais.dockerfile.instructions import Healthcheck
from cais.errors import InvalidDockerfile, Problem, Span
from cais.images.model import HealthConfig

_PORT = re.compile(r"(?:.*:)?([0-9]{1,5})(?:-([0-9]{1,5}))?(?:/(tcp|udp|sctp))?", re.IGNORECASE)
_MAX_PORT = 65535
_REAL_TIME = re.compile(r"SIGRTMIN\+([1-9]|1[0-5])|SIGRTMAX-([1-9]|1[0-4])")
_MAX_SIGNAL = 64
_WEB = re.compile(r"https?://")
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kmgt]?)i?b?", re.IGNORECASE)
_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_AMOUNT = re.compile(r"([0-9]*\.?[0-9]+|[0-9]+\.)(ns|us|µs|μs|ms|s|m|h)")


def is_remote(source: str, *, short: bool = False) -> bool:
    """Whether a source is an address that only ADD can fetch; with `short` also `github.com/OWNER/NAME`. One that cannot be read is."""
    try:
        return is_web(source) or gitaddress.parse(source, short=short) is not None
    except gitaddress.BadAddress:
        return True


def is_web(source: str) -> bool:
    """Whether a source is the address of a file on the web (a repository's address may look like one)."""
    return _WEB.match(source) is not None


def shown_list(words: Sequence[str]) -> str:
    """A list as Docker's history shows it: `["a" "b"]`."""
    return "[" + " ".join(f'"{word}"' for word in words) + "]"


def ports(text: str, span: Span) -> list[str]:
    """`8000`, `8000-8002/udp`: one `PORT/PROTOCOL` a port. Raises InvalidDockerfile."""
    match = _PORT.fullmatch(text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if match is None or not 0 <= first <= last <= _MAX_PORT:
        raise InvalidDockerfile(
            [
                Problem(
                    f'EXPOSE cannot read the port "{text}"',
                    span,
                    "write PORT, PORT/udp or FIRST-LAST, each at most 65535",
                )
            ]
        )
    protocol = (match[3] or "tcp").lower()
    return [f"{port}/{protocol}" for port in range(first, last + 1)]


def signal(text: str, span: Span) -> str:
    """A signal's name or number, as written. Raises InvalidDockerfile."""
    name = "SIG" + text.upper().removeprefix("SIG")
    is_number = text.isascii() and text.isdecimal() and 1 <= int(text) <= _MAX_SIGNAL
    known = is_number or name in signals.Signals.__members__ or _REAL_TIME.fullmatch(name)
    if not known:
        raise InvalidDockerfile(
            [Problem(f'STOPSIGNAL "{text}" is no signal', span, "write a name such as SIGTERM, or a number")]
        )
    return text


def size_in_bytes(text: str) -> int | None:
    """`64m` in bytes; None when it is no size."""
    match = _SIZE.fullmatch(text)
    return int(float(match[1]) * _UNITS[match[2].lower()]) if match else None


def nanoseconds(duration: str) -> int:
    """`1m30s` in nanoseconds; 0 for "" (the parser has checked the form)."""
    return round(sum(float(amount) * _NANOSECONDS[unit] for amount, unit in _AMOUNT.findall(duration)))


def health(check: Healthcheck) -> HealthConfig:
    """HEALTHCHECK as an image config has it."""
    if check.command is None:
        return HealthConfig(test=("NONE",))
    return HealthConfig(
        test=("CMD-SHELL" if check.command.shell else "CMD", *check.command.argv),
        interval=nanoseconds(check.interval),
        timeout=nanoseconds(check.timeout),
        start_period=nanoseconds(check.start_period),
        start_interval=nanoseconds(check.start_interval),
        retries=int(check.retries or 0),
    )
