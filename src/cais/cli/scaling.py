"""`--scale SERVICE=N`."""

from __future__ import annotations

from collections.abc import Sequence

from cais.errors import UsageError


def scale_options(words: Sequence[str]) -> dict[str, int]:
    """Replica counts by service."""
    found = {}
    for word in words:
        service, _, number = word.partition("=")
        if not service or not number.isdecimal():
            raise UsageError(f'--scale wants SERVICE=N, not "{word}"')
        found[service] = int(number)
    return found
