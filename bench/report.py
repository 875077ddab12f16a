"""The figures as Markdown: one table, the goals, what was measured on what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from bench.goals import GOALS
from bench.model import Results, Row, Sample, Side, Unit

HEAD = ("work", "floor", "Cais", "Docker Compose", "Cais ÷ floor", "Cais better than Docker by")


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the bench."""

    date: str
    facts: Sequence[str]
    rows: Sequence[Row]
    results: Results
    took_s: float


def markdown(run: Run) -> str:
    """The whole report."""
    return "\n".join(
        (
            "# Measured side by side",
            "",
            f"Written by `bench/run` on {run.date}, in {run.took_s / 60:.1f} minutes. Medians, with least and most in brackets;",
            "seconds unless said otherwise. The sides took turns round by round, after a warm-up round each. *Floor*: the same server",
            "programs from the same images, started by hand without containers (`bench/floor.py`).",
            "",
            *(f"- {fact}" for fact in run.facts),
            "",
            *_table(run),
            "",
            "## Goals",
            "",
            *_goals(run.results),
            *_failures(run.results),
            "",
        )
    )


def _table(run: Run) -> Iterator[str]:
    yield _line(HEAD)
    yield _line(("--", *["--:"] * (len(HEAD) - 1)))
    for row in run.rows:
        samples = [run.results.samples.get((row.key, side)) for side in Side]
        if any(samples):
            yield _line((_title(row), *(_figure(sample, row.unit) for sample in samples), *_ratios(row, *samples)))


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _title(row: Row) -> str:
    return row.title if row.unit is Unit.SECONDS else f"{row.title}, {row.unit.value}"


def _figure(sample: Sample | None, unit: Unit) -> str:
    if sample is None:
        return ""
    if len(sample.values) == 1:
        return _number(sample.median, unit)
    return f"{_number(sample.median, unit)} ({_number(sample.least, unit)} to {_number(sample.most, unit)})"


def _number(value: float, unit: Unit) -> str:
    if unit is Unit.PER_SECOND:
        return f"{value:,.0f}"
    return f"{value:.3f}" if value < 1 else f"{value:.2f}"


def _ratios(row: Row, floor: Sample | None, cais: Sample | None, docker: Sample | None) -> tuple[str, str]:
    def over(above: Sample | None, below: Sample | None) -> str:
        return f"{above.median / below.median:.2f}" if above and below and below.median else ""

    more_is_better = row.unit in {Unit.PER_SECOND, Unit.TIMES}
    return over(cais, floor), over(cais, docker) if more_is_better else over(docker, cais)


def _goals(results: Results) -> Iterator[str]:
    yield _line(("goal", "measured", "verdict"))
    yield _line(("--", "--", "--"))
    for goal in GOALS:
        verdict, figures = goal.judge(results)
        yield _line((goal.text, figures, verdict.value))


def _failures(results: Results) -> Iterator[str]:
    if results.failures:
        yield from ("", "## Not measured", "")
        for failure in results.failures:
            yield "- " + failure.replace("\n", "\n  ")
