"""The queue in which `bench/` has its readers wait."""

from __future__ import annotations

import random
import time

import pytest
from bench.readers import Ask, Servers, measure

# Where a test before has left a thread, newer Pythons warn of a fork.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork")
NAP_S = 0.01


def nap(_chance: random.Random) -> None:
    time.sleep(NAP_S)


def test_every_reader_has_an_answer_however_short_the_time() -> None:
    assert len(measure(lambda: nap, 7, Servers(2, 2), 0).times) == 7


def test_waiting_for_ones_turn_counts() -> None:
    times = sorted(measure(lambda: nap, 4, Servers(1, 1), 0).times)
    assert all(waited >= place * NAP_S for place, waited in enumerate(times, 1))


def test_who_has_an_answer_asks_again_until_the_end() -> None:
    measured = measure(lambda: nap, 3, Servers(1, 2), 10 * NAP_S)
    assert len(measured.times) > 3
    assert measured.elapsed >= 10 * NAP_S
    assert measured.percentile(0.5) <= measured.percentile(0.99)


def test_a_failure_ends_it(capfd: pytest.CaptureFixture[str]) -> None:
    def make() -> Ask:
        def fail(_chance: random.Random) -> None:
            raise LookupError("no such photo")

        return fail

    with pytest.raises(RuntimeError, match="failed"):
        measure(make, 2, Servers(2, 1), 1)
    assert "no such photo" in capfd.readouterr().err
