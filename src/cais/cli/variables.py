"""`-e NAME=VALUE` and `-e NAME` (the caller's value)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cais.errors import UsageError


def variables(words: Sequence[str], env: Mapping[str, str]) -> dict[str, str]:
    """The variables; a bare name takes its value from `env` and is left out when that has none, as with Docker."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not name:
            raise UsageError(f'"{word}" is not a variable', hint="write NAME=VALUE")
        if equals:
            found[name] = value
        elif name in env:
            found[name] = env[name]
    return found
