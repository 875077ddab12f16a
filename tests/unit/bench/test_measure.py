"""Rounds take turns, warm-ups do not count, a side that fails does not spoil the others."""

from collections.abc import Iterator

from bench.goals import GOALS, Verdict
from bench.measure import interleave
from bench.model import Figure, Results, Round, Row, Sample, Side
from bench.programs import MeasureError
from bench.report import Run, markdown


def counting(side: Side, seen: list[Side], *, fails_at: int = 99) -> Round:
    def go(wanted: frozenset[str]) -> Iterator[Figure]:
        seen.append(side)
        number = seen.count(side)
        if number == fails_at:
            raise MeasureError("no")
        yield "up", float(number)

    return go


def run(seen: list[Side], *, runs: int, fails_at: int = 99) -> Results:
    rounds = {
        Side.FLOOR: counting(Side.FLOOR, seen),
        Side.CAIS: counting(Side.CAIS, seen),
        Side.DOCKER: counting(Side.DOCKER, seen, fails_at=fails_at),
    }
    return interleave(rounds, frozenset({"up"}), runs=runs, warm_ups=1, tell=lambda text: None)


def test_sides_take_turns_in_a_changing_order() -> None:
    seen: list[Side] = []
    results = run(seen, runs=2)
    assert seen[:3] == [Side.FLOOR, Side.CAIS, Side.DOCKER]
    assert seen[3:6] == [Side.CAIS, Side.DOCKER, Side.FLOOR]
    assert results.samples["up", Side.CAIS].values == (2.0, 3.0)


def test_a_side_that_fails_is_not_shown_and_the_others_go_on() -> None:
    seen: list[Side] = []
    results = run(seen, runs=3, fails_at=3)
    assert ("up", Side.DOCKER) not in results.samples
    assert results.median("up", Side.CAIS) == 3.0
    assert results.failures == ("Docker Compose: no",)
    assert seen.count(Side.DOCKER) == 3


def test_the_report_has_ratios_and_verdicts() -> None:
    samples = {
        ("up", Side.FLOOR): Sample((0.2,)),
        ("up", Side.CAIS): Sample((0.4, 0.5, 0.6)),
        ("up", Side.DOCKER): Sample((5.0,)),
    }
    results = Results(samples)
    text = markdown(
        Run(date="2026-01-02", facts=("a machine",), rows=(Row(key="up", title="start"),), results=results, took_s=60)
    )
    assert "| start | 0.200 | 0.500 (0.400 to 0.600) | 5.00 | 2.50 | 10.00 |" in text
    assert "at least 8 times faster than Docker Compose | 10.0 times | holds |" in text
    verdicts = {goal.text: goal.judge(results)[0] for goal in GOALS}
    assert verdicts["`ps`: at most 100 ms"] is Verdict.UNKNOWN
    assert verdicts["three-tier `up -d --wait`: at most twice the floor plus 150 ms"] is Verdict.HOLDS


def test_every_goal_names_rows_that_are_measured() -> None:
    from bench.scenarios.table import SCENARIOS

    keys = [row.key for scenario in SCENARIOS for row in scenario.rows]
    assert len(keys) == len(set(keys))
    assert {key for goal in GOALS for key, _ in goal.needs} <= set(keys)
