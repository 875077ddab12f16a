"""Interleaved rounds: floor, Cais, Docker, floor, Cais, Docker, ... so that what else the machine does meets all sides alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

from bench.model import Results, Round, Sample, Side
from bench.programs import MeasureError

Tell = Callable[[str], None]


def interleave(
    rounds: Mapping[Side, Round], wanted: frozenset[str], *, runs: int, warm_ups: int, tell: Tell
) -> Results:
    """Let each side work `warm_ups + runs` times by turns; figures of the warm-ups are thrown away.

    The order turns round by round, so that no side always follows the same other one. A side that fails is left out of the
    remaining rounds, and what it had measured is not shown: a half row would compare unlike things.
    """
    values: dict[tuple[str, Side], list[float]] = defaultdict(list)
    failed: dict[Side, str] = {}
    for number in range(warm_ups + runs):
        for side in _turned(list(rounds), number):
            if side in failed:
                continue
            try:
                figures = list(rounds[side](wanted))
            except MeasureError as error:
                failed[side] = f"{side.value}: {error}"
                tell(failed[side])
                continue
            if number >= warm_ups:
                for key, value in figures:
                    values[key, side].append(value)
        tell(f"round {number + 1} of {warm_ups + runs}" + (" (warm-up)" if number < warm_ups else ""))
    kept = {place: Sample(tuple(found)) for place, found in values.items() if place[1] not in failed}
    return Results(kept, tuple(failed.values()))


def _turned(sides: list[Side], number: int) -> list[Side]:
    start = number % max(len(sides), 1)
    return sides[start:] + sides[:start]
