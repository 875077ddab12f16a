"""What was promised of Cais's speed (one row a promise) and whether the figures hold it."""

from __future__ import annotations

import enum
from collections.abc import Callable

import msgspec

from bench.model import Results, Side

NOISE = 0.03
"""Two rates that differ by less than this count as equal: repeated runs of one and the same server differ as much."""


class Verdict(enum.Enum):
    """Whether a goal holds."""

    HOLDS = "holds"
    MISSED = "missed"
    UNKNOWN = "not measured"


class Goal(msgspec.Struct, frozen=True):
    """A promise: its words, the figures it needs, the test on their medians."""

    text: str
    needs: tuple[tuple[str, Side], ...]
    holds: Callable[..., bool]
    show: Callable[..., str]

    def judge(self, results: Results) -> tuple[Verdict, str]:
        """The verdict with the figures it rests on."""
        figures = [results.median(key, side) for key, side in self.needs]
        known = [figure for figure in figures if figure is not None]
        if len(known) < len(figures):
            return Verdict.UNKNOWN, ""
        return (Verdict.HOLDS if self.holds(*known) else Verdict.MISSED), self.show(*known)


def _at_most(key: str, words: str, limit_s: float) -> Goal:
    text = f"{words}: at most {limit_s * 1000:.0f} ms"
    return Goal(text, ((key, Side.CAIS),), lambda cais: cais <= limit_s, lambda cais: f"{cais * 1000:.0f} ms")


def _at_most_mb(key: str, words: str, limit: float) -> Goal:
    text = f"{words}: at most {limit:.0f} MB"
    return Goal(text, ((key, Side.CAIS),), lambda cais: cais <= limit, lambda cais: f"{cais:.2f} MB")


def _times_docker(key: str, words: str, times: float) -> Goal:
    return Goal(
        f"{words}: at least {times:.0f} times faster than Docker Compose",
        ((key, Side.CAIS), (key, Side.DOCKER)),
        lambda cais, docker: docker >= times * cais,
        lambda cais, docker: f"{docker / cais:.1f} times",
    )


def _no_slower(key: str, words: str) -> Goal:
    return Goal(
        f"{words}: no slower than Docker",
        ((key, Side.CAIS), (key, Side.DOCKER)),
        lambda cais, docker: cais <= docker,
        lambda cais, docker: f"{cais:.2f} s, Docker {docker:.2f} s",
    )


def _part_of_docker(key: str, words: str, part: float) -> Goal:
    return Goal(
        f"{words}: at most {part} of BuildKit's time",
        ((key, Side.CAIS), (key, Side.DOCKER)),
        lambda cais, docker: cais <= part * docker,
        lambda cais, docker: f"{cais / docker:.2f} ({cais:.3f} s, BuildKit {docker:.3f} s)",
    )


def _within(key: str, words: str, factor: float, more_s: float) -> Goal:
    def show(cais: float, floor: float) -> str:
        return f"{cais * 1000:.0f} ms, allowed {(factor * floor + more_s) * 1000:.0f} ms"

    return Goal(words, ((key, Side.CAIS), (key, Side.FLOOR)), lambda cais, floor: cais <= factor * floor + more_s, show)


def _busy_crash() -> Goal:
    return Goal(
        "the same while requests come in",
        (("crash-busy", Side.CAIS), ("crash", Side.FLOOR)),
        lambda cais, floor: cais <= floor + 0.15,
        lambda cais, floor: f"{cais * 1000:.0f} ms, allowed {(floor + 0.15) * 1000:.0f} ms",
    )


def _published_port() -> Goal:
    return Goal(
        f"requests per second through a published port: as many as by the container's address (within {NOISE:.0%})",
        (("requests-ratio", Side.CAIS),),
        lambda ratio: ratio >= 1 - NOISE,
        lambda ratio: f"{ratio:.2f} times as many",
    )


GOALS = (
    _within("up", "three-tier `up -d --wait`: at most twice the floor plus 150 ms", 2, 0.15),
    _times_docker("up", "three-tier `up -d --wait`", 8),
    _at_most("up-again", "`up -d` when all is up", 0.2),
    _times_docker("up-again", "`up -d` when all is up", 5),
    _at_most("ps", "`ps`", 0.1),
    _at_most("exec", "`exec -T backend true`", 0.12),
    _at_most("build", "fully cached `build`", 0.25),
    _part_of_docker("cached-200", "all cached, context of 200 files", 0.7),
    _part_of_docker("cached-10000", "all cached, context of 10,000 files", 0.5),
    _part_of_docker("late-200", "one late line changed, context of 200 files", 0.7),
    _part_of_docker("late-10000", "one late line changed, context of 10,000 files", 0.3),
    _part_of_docker("cold-pip", "cold build of a Python application", 0.9),
    _times_docker("up-50", "`up -d` of 50 services that sleep", 4),
    _times_docker("down-50", "`down -t 0` of 50 services that sleep", 4),
    _at_most_mb("memory-service", "memory for each idle service", 2),
    _at_most_mb("memory-daemon", "memory of the supervisor", 50),
    _published_port(),
    _within("crash", "serving again after `kill -9`: own start-up time plus 150 ms", 1, 0.15),
    _busy_crash(),
    _no_slower("push", "push of a 200 MB image to a registry on this machine"),
    _no_slower("pull", "pull of it"),
)
