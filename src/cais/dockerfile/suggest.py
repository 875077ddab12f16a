"""The nearest known name for a mistyped one."""

from __future__ import annotations

from collections.abc import Iterable

_MAX_LENGTH = 40  # longer words are no typing mistakes of a short name
_MAX_DISTANCE = 2


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name that is one or two typing mistakes away from `word`, None when there is none."""
    if not word or len(word) > _MAX_LENGTH:
        return None
    allowed = min(_MAX_DISTANCE, max(1, len(word) // 2))
    distance, name = min(((_distance(word.lower(), name.lower()), name) for name in known), default=(allowed + 1, ""))
    return name if distance <= allowed else None


def did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    """A hint: the nearest name, or `otherwise`."""
    name = nearest(word, known)
    return f'did you mean "{name}"?' if name else otherwise


def _distance(one: str, other: str) -> int:
    """Insertions, deletions, replacements and swaps of neighbours that lead from one to the other."""
    before: list[int] = []
    previous = list(range(len(other) + 1))
    for row, left in enumerate(one, 1):
        current = [row]
        for column, right in enumerate(other, 1):
            cost = min(previous[column] + 1, current[-1] + 1, previous[column - 1] + (left != right))
            if row > 1 and column > 1 and left == other[column - 2] and one[row - 2] == right:
                cost = min(cost, before[column - 2] + 1)
            current.append(cost)
        before, previous = previous, current
    return previous[-1]
