"""A starting service is probed as soon as it listens; an expensive probe leaves it the processor until then."""

import math
import os
import socket

import pytest

from cais.engine.protocol import ContainerSpec, ContainerState, Health, ProbeResult, ProbeSpec, State
from cais.linux.listeners import listening
from cais.supervise import keeper
from cais.supervise.health import next_probe_in
from cais.supervise.kept import Kept, Moment

PROBE = ProbeSpec(test=("CMD", "check"), interval_s=5.0, start_period_s=30.0, start_interval_s=1.0)


def wait(age_s: float, took_s: float, heard_s: float | None) -> float:
    return next_probe_in(PROBE, Health.STARTING, age_s=age_s, took_s=took_s, heard_s=heard_s)


@pytest.mark.parametrize(
    ("age_s", "took_s", "heard_s", "expected"),
    [
        (0.3, 0.05, None, 0.1),  # nobody looks: a third of the age
        (0.3, 0.05, math.inf, 0.4),  # an expensive probe, and nothing to ask yet
        (0.3, 0.01, math.inf, 0.1),  # a cheap one goes on as before
        (0.3, 0.05, 0.24, 0.1),  # it listened before: at least twice what the probe takes
        (0.3, 0.05, 0.29, 0.01),  # it began to listen during the probe, which may have asked too early
        (0.3, 0.004, 0.29, 0.01),  # the growth begins anew
        (30.0, 0.2, math.inf, 1.0),  # never more seldom than Docker
    ],
)
def test_the_wait_depends_on_whether_it_listens(
    age_s: float, took_s: float, heard_s: float | None, expected: float
) -> None:
    assert wait(age_s, took_s, heard_s) == pytest.approx(expected)


def begun(network_mode: str = "") -> Kept:
    spec = ContainerSpec(
        name="shop-db-1",
        image_id="i",
        image_reference="db",
        project="shop",
        service="db",
        probe=PROBE,
        network_mode=network_mode,
    )
    state = ContainerState(id="c1", spec=spec, state=State.RUNNING, created_at=99.0, started_at=100.0, pid=7)
    return keeper.meet(state, Moment(epoch=100.0, monotonic=10.0)).kept


def test_a_new_listener_brings_the_probe_forward() -> None:
    kept = keeper.heard(begun(), Moment(100.1, 10.1), something=False).kept
    assert kept.heard == math.inf
    kept = keeper.heard(kept, Moment(100.5, 10.5), something=True).kept
    assert kept.heard == pytest.approx(0.5)
    assert kept.probe_due == 10.5


def test_silence_after_listening_changes_nothing() -> None:
    kept = keeper.heard(begun(), Moment(100.5, 10.5), something=True).kept
    assert keeper.heard(kept, Moment(100.6, 10.6), something=False).kept == kept


def test_before_it_listens_it_is_not_asked_at_once() -> None:
    assert begun().probe_due == pytest.approx(10.1)
    assert begun(network_mode="host").probe_due == pytest.approx(10.01)  # where nobody can see it


def test_while_a_probe_runs_the_next_one_follows_quickly() -> None:
    kept = keeper.due(begun(), Moment(100.12, 10.12)).kept
    assert kept.probing
    kept = keeper.heard(kept, Moment(100.5, 10.5), something=True).kept
    assert kept.probe_due is None
    failed = ProbeResult(began=100.4, ended=100.51, exit_code=1, output="")
    kept = keeper.probed(kept, kept.run, failed, Moment(100.51, 10.51), took_s=0.01).kept
    assert kept.probe_due == pytest.approx(10.52)


def test_a_healthy_service_is_not_disturbed() -> None:
    kept = begun()
    passed = ProbeResult(began=100.1, ended=100.2, exit_code=0, output="")
    kept = keeper.probed(kept, kept.run, passed, Moment(100.2, 10.2), took_s=0.1).kept
    assert keeper.heard(kept, Moment(101, 11), something=True).kept == kept


def test_listening_sees_a_socket_and_not_a_connection_or_a_dead_process() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        before = listening(os.getpid())
        server.listen()
        after = listening(os.getpid())
        assert before is not None
        assert after is not None
        port = server.getsockname()[1]
        assert f"0100007F:{port:04X}".encode() in after - before
    assert listening(2**22 + 1) is None
