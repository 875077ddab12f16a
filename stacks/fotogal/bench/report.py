"""The results as Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass

from bench.readers import Measured
from bench.scenes import FEW_READERS, Bench, Timeline


@dataclass(frozen=True)
class Result:
    """All that was measured of one database. `loaded_s`: how long it took to fill, with its indexes; None if an earlier run did."""

    name: str
    loaded_s: float | None
    timelines: list[Timeline]
    likes_spread: Measured
    likes_of_one: Measured


def markdown(bench: Bench, load: str, results: Iterable[Result]) -> str:
    plan, servers = bench.plan, bench.servers
    return "\n".join(
        [
            "# Catalogue: results",
            "",
            f"Made by `bench/run`: {plan.users:,} people, {plan.photos:,} photos, {plan.follows:,} follows ({plan.heavy:,} people follow {plan.heavy_follows:,} each).",
            f"{bench.readers} readers at once, each asking again as soon as it has its answer, for {bench.seconds:g} s a row. They are served as the application serves: by {servers.processes} processes of {servers.threads} threads,",
            f"first come, first served. Times are milliseconds, from the asking (waiting for one's turn included) to a page of 20 in Python's hands. {os.cpu_count()} cores that all and the database share; Python {platform.python_version()}.",
            f"Load of the machine before it began: {load}. *Straightforward*: one query for each person who is followed, merged in Python, with the same indexes, through the same queue, processes and connections.",
            f"Where all follow thousands it is asked by {FEW_READERS} readers only, which is to its advantage: as many as ours would take minutes for a page each.",
            "A deep page begins in the middle of all photos. Before measuring, both ways are compared and show the same.",
            *(line for result in results for line in _result(result)),
            "",
        ]
    )


def _result(result: Result) -> list[str]:
    return [
        "",
        f"## {result.name}",
        "",
        "| who looks | page | p50 | p99 | pages/s | straightforward: readers | p50 | p99 | pages/s | times faster, p50 | p99 |",
        "|--|--|--|--|--|--|--|--|--|--|--|",
        *map(_row, result.timelines),
        "",
        f"Likes spread over 10,000 photos: {_likes(result.likes_spread)}; all of one photo: {_likes(result.likes_of_one)}. Each is a transaction of its own; counted right in the end.",
        "Filled before." if result.loaded_s is None else f"Filled in {result.loaded_s:.0f} s.",
    ]


def _likes(measured: Measured) -> str:
    return f"{measured.rate:.0f}/s (p99 {measured.percentile(0.99):.0f} ms)"


def _row(line: Timeline) -> str:
    ours, other = line.ours, line.straightforward
    return (
        f"| {line.viewers} | {line.page} | {ours.percentile(0.5):.1f} | {ours.percentile(0.99):.1f} | {ours.rate:.0f} "
        f"| {line.straightforward_readers} | {other.percentile(0.5):.0f} | {other.percentile(0.99):.0f} | {other.rate:.1f} "
        f"| {other.percentile(0.5) / ours.percentile(0.5):.0f} | {other.percentile(0.99) / ours.percentile(0.99):.0f} |"
    )
