import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cais.engine.protocol import Health, ProbeSpec
from cais.supervise.health import (
    TRANSITIONS,
    Verdict,
    after_probe,
    first_counted_s,
    first_probe_s,
    is_probed,
    judge,
    new_track,
    next_probe_in,
    probe_argv,
)

PROBES = st.builds(
    ProbeSpec,
    test=st.just(("CMD", "true")),
    interval_s=st.floats(0.2, 60),
    timeout_s=st.just(30.0),
    start_period_s=st.sampled_from([0.0, 1.0, 7.5, 40.0]),
    start_interval_s=st.sampled_from([None, 0.5, 1.0, 5.0]),
    retries=st.integers(1, 5),
)


def probe(**more: object) -> ProbeSpec:
    return ProbeSpec(test=("CMD", "true"), **more)  # type: ignore[arg-type]


def when_healthy(spec: ProbeSpec, ready_s: float, took_s: float) -> tuple[float, list[tuple[float, float]]]:
    """The age at which a service ready at `ready_s` is seen healthy, and all probes (began, ended)."""
    track, age, probes = new_track(spec), 0.01, list[tuple[float, float]]()
    while True:
        began, ended = age, age + took_s
        probes.append((began, ended))
        verdict = judge(track, spec, began_s=began, passed=began >= ready_s)
        track = after_probe(track, spec, verdict, ended_s=ended)
        if track.health is not Health.STARTING:
            return ended, probes
        age = ended + next_probe_in(spec, track.health, age_s=ended, took_s=took_s)


def docker_unhealthy_at(spec: ProbeSpec) -> float:
    """The age at which Docker begins the probe that makes a service unhealthy whose probes fail and take no time."""
    age, streak = 0.0, 0
    while True:
        starting = age < spec.start_period_s
        age += (spec.start_interval_s or 5.0) if starting else spec.interval_s
        streak += age >= spec.start_period_s
        if streak >= spec.retries:
            return age


def test_every_transition_that_can_happen_is_a_row() -> None:
    possible = set(itertools.product((Health.STARTING, Health.HEALTHY, Health.UNHEALTHY), Verdict))
    assert possible - set(TRANSITIONS) == {(Health.HEALTHY, Verdict.FORGIVEN), (Health.UNHEALTHY, Verdict.FORGIVEN)}


@pytest.mark.parametrize(("ready_s", "took_s"), [(0.05, 0.02), (0.1, 0.02), (0.4, 0.03), (1.0, 0.03), (3.0, 0.05)])
def test_healthy_is_seen_soon(ready_s: float, took_s: float) -> None:
    seen, probes = when_healthy(probe(interval_s=30.0), ready_s, took_s)
    assert seen - ready_s <= max(0.1, ready_s / 3 + 2 * took_s)
    assert len(probes) < 25


@pytest.mark.parametrize(
    ("fields", "is_heard", "expected"),
    [
        ({}, False, 0.01),
        ({}, True, 0.1),
        ({"listens": True}, True, 1.0),
        ({"listens": True}, False, 0.01),
        ({"listens": True, "interval_s": 0.5}, True, 0.5),
        ({"listens": True, "start_interval_s": 0.2}, True, 0.2),
        ({"interval_s": 0.05}, True, 0.05),
    ],
)
def test_the_first_probe_of_one_that_is_not_heard(
    fields: dict[str, float | bool], *, is_heard: bool, expected: float
) -> None:
    assert first_probe_s(probe(**fields), is_heard=is_heard) == expected


@given(st.floats(0.001, 2), st.floats(0.1, 20))
def test_a_starting_service_keeps_two_thirds_of_the_time(took_s: float, ready_s: float) -> None:
    seen, probes = when_healthy(probe(interval_s=60.0, retries=99), ready_s, took_s)
    assert sum(ended - began for began, ended in probes[:-1]) <= seen / 3 + 1e-9


@given(PROBES, st.floats(0, 0.1))
def test_never_unhealthy_sooner_than_under_docker(spec: ProbeSpec, took_s: float) -> None:
    _, probes = when_healthy(spec, 1e9, took_s)
    assert probes[-1][0] >= docker_unhealthy_at(spec) - 1e-6


@given(PROBES)
def test_never_later_than_a_few_probes_after_docker(spec: ProbeSpec) -> None:
    _, probes = when_healthy(spec, 1e9, 0.0)
    assert probes[-1][0] <= docker_unhealthy_at(spec) + spec.retries * (1.1 + 0.05 * probes[-1][0])


@pytest.mark.parametrize(
    ("start_period", "start_interval", "first"), [(0, None, 30), (1, None, 5), (10, None, 10), (12, 5, 15), (12, 1, 12)]
)
def test_the_first_failure_that_counts(start_period: float, start_interval: float | None, first: float) -> None:
    assert first_counted_s(probe(start_period_s=start_period, start_interval_s=start_interval)) == first


def test_failures_when_healthy_count_one_by_one() -> None:
    spec = probe(retries=3)
    track = after_probe(new_track(spec), spec, Verdict.PASSED, ended_s=1)
    seen = []
    for _ in range(4):
        verdict = judge(track, spec, began_s=2, passed=False)
        track = after_probe(track, spec, verdict, ended_s=2)
        seen.append((track.health, track.failing_streak))
    healthy, unhealthy = Health.HEALTHY, Health.UNHEALTHY
    assert seen == [(healthy, 1), (healthy, 2), (unhealthy, 3), (unhealthy, 4)]
    back = after_probe(track, spec, judge(track, spec, began_s=3, passed=True), ended_s=3)
    assert (back.health, back.failing_streak) == (Health.HEALTHY, 0)


def test_a_start_interval_caps_the_cadence() -> None:
    assert next_probe_in(probe(start_interval_s=0.1), Health.STARTING, age_s=50, took_s=0.01) == 0.1
    assert next_probe_in(probe(start_interval_s=0.1), Health.HEALTHY, age_s=50, took_s=0.01) == 30


def test_many_that_start_at_once_are_probed_more_seldom() -> None:
    alone = next_probe_in(probe(), Health.STARTING, age_s=0.1, took_s=0.05)
    crowded = next_probe_in(probe(), Health.STARTING, age_s=0.1, took_s=0.05, crowding=10)
    assert (alone, crowded) == pytest.approx((0.1, 1.0))


@pytest.mark.parametrize(
    ("test", "argv"),
    [(("CMD", "a", "b"), ("a", "b")), (("CMD-SHELL", "a | b"), ("/bin/sh", "-c", "a | b")), (("NONE",), None)],
)
def test_commands(test: tuple[str, ...], argv: tuple[str, ...] | None) -> None:
    spec = ProbeSpec(test=test)
    assert is_probed(spec) == (argv is not None)
    if argv is not None:
        assert probe_argv(spec) == argv
