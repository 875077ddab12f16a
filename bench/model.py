"""What is measured: rows, sides and the figures of a run."""

from __future__ import annotations

import enum
import statistics
from collections.abc import Callable, Iterator, Mapping

import msgspec


class Side(enum.Enum):
    """Who does the work."""

    FLOOR = "floor"
    CAIS = "Cais"
    DOCKER = "Docker Compose"


class Unit(enum.Enum):
    """What a figure counts. Of requests and times more is better, of the others less."""

    SECONDS = "s"
    MEGABYTES = "MB"
    PER_SECOND = "requests/s"
    TIMES = "times"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table."""

    key: str
    title: str
    unit: Unit = Unit.SECONDS


Figure = tuple[str, float]
Round = Callable[[frozenset[str]], Iterator[Figure]]
"""Does a side's work once and yields (row key, figure) for the wanted rows; a key may come several times."""


class Sample(msgspec.Struct, frozen=True):
    """A row's figures of one side."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle figure."""
        return statistics.median(self.values)

    @property
    def least(self) -> float:
        """The smallest figure."""
        return min(self.values)

    @property
    def most(self) -> float:
        """The largest figure."""
        return max(self.values)


class Results(msgspec.Struct, frozen=True):
    """All that one run of the bench found."""

    samples: Mapping[tuple[str, Side], Sample]
    failures: tuple[str, ...] = ()
    """Which side could not do what, and why."""

    def median(self, key: str, side: Side) -> float | None:
        """A row's median; None when the side was not measured."""
        sample = self.samples.get((key, side))
        return sample.median if sample else None
