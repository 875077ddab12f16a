import pytest
from hypothesis import given
from hypothesis import strategies as st

from cais.engine.protocol import RestartMode, RestartPolicy
from cais.supervise.policy import LONGEST_DELAY_S, next_delay, resumed_delay

ALWAYS = RestartPolicy(RestartMode.ALWAYS)


def test_first_restart_of_a_good_run_does_not_wait_then_docker_s_back_off() -> None:
    delays, previous = [], None
    for _ in range(13):
        previous = next_delay(ALWAYS, previous, ran_s=3.0, ran_well=True)
        delays.append(previous)
    assert delays == pytest.approx([0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 60, 60])


def test_a_bad_first_run_waits_100_ms() -> None:
    assert next_delay(ALWAYS, None, ran_s=0.1, ran_well=False) == 0.1


@given(st.floats(0, 60) | st.none(), st.booleans())
def test_a_run_of_10_s_resets(previous: float | None, ran_well: bool) -> None:
    assert next_delay(ALWAYS, previous, ran_s=10.0, ran_well=ran_well) == 0.0


@given(st.floats(0, 60) | st.none(), st.floats(0, 9.99), st.booleans())
def test_waits_grow_and_stay_within_a_minute(previous: float | None, ran_s: float, ran_well: bool) -> None:
    delay = next_delay(ALWAYS, previous, ran_s=ran_s, ran_well=ran_well)
    assert 0 <= delay <= LONGEST_DELAY_S
    assert delay >= (previous or 0)


@given(st.integers(0, 100_000))
def test_a_new_supervisor_goes_on_where_the_old_one_was(restarts: int) -> None:
    resumed = resumed_delay(ALWAYS, restarts)
    assert (resumed is None) == (restarts == 0)
    assert (resumed or 0) <= LONGEST_DELAY_S


@given(st.floats(0, 60) | st.none(), st.floats(0, 1e6), st.booleans())
def test_a_delay_of_its_own_is_the_same_every_time(previous: float | None, ran_s: float, ran_well: bool) -> None:
    policy = RestartPolicy(RestartMode.ALWAYS, delay_s=2.5)
    assert next_delay(policy, previous, ran_s=ran_s, ran_well=ran_well) == 2.5
    assert (resumed_delay(policy, 0), resumed_delay(policy, 1)) == (None, 2.5)
