"""Decisions that the loop's tests do not reach easily. Pure."""

import msgspec
import pytest

from cais.engine.protocol import (
    ContainerSpec,
    ContainerState,
    Health,
    ProbeResult,
    ProbeSpec,
    RestartMode,
    RestartPolicy,
    State,
)
from cais.supervise import keeper
from cais.supervise.events import ContainerExited, ContainerStarted
from cais.supervise.keeper import Seen
from cais.supervise.kept import Kept, Moment, Phase, Publish, RecordRestart, RunProbe, Settle, Start, Stop, Turn, Watch

SPEC = ContainerSpec(
    name="web",
    image_id="x",
    image_reference="x",
    restart=RestartPolicy(RestartMode.ALWAYS),
    probe=ProbeSpec(test=("CMD", "check"), interval_s=5, retries=1),
    restart_unhealthy=True,
)
RUNNING = ContainerState(
    id="c", spec=SPEC, state=State.RUNNING, created_at=900, pid=7, started_at=1000.0, health=Health.STARTING
)
EXITED = msgspec.structs.replace(RUNNING, state=State.EXITED, pid=0, finished_at=1005.0, exit_code=1)


def at(seconds: float) -> Moment:
    """`seconds` after the container's start."""
    return Moment(1000.0 + seconds, 50.0 + seconds)


def kinds(turn: Turn) -> list[type]:
    return [type(step.event) if isinstance(step, Publish) else type(step) for step in turn.steps]


def running() -> Kept:
    return keeper.meet(RUNNING, at(0)).kept


def test_an_exit_is_judged_only_after_settling() -> None:
    unsettled = msgspec.structs.replace(EXITED, finished_at=0.0, exit_code=255)
    turn = keeper.observe(running(), unsettled, at(5))
    assert turn.kept.phase is Phase.SETTLING
    assert Settle in kinds(turn)
    assert keeper.settled(turn.kept, EXITED, at(5)).kept.state.exit_code == 1


def test_settling_is_tried_again_ever_more_patiently() -> None:
    kept, waits = keeper.process_gone(running(), 1).kept, []
    for _ in range(10):
        kept = keeper.settled(kept, RUNNING, at(5)).kept
        waits.append(round((kept.act_due or 0) - 55.0, 3))
        turn = keeper.due(kept, at(5.001 + waits[-1]))
        assert kinds(turn) == [Settle]
        kept = turn.kept
    assert waits[:3] == [0.005, 0.01, 0.02]
    assert waits[-1] == 1.0


def test_an_earlier_run_s_exit_and_probe_are_nothing() -> None:
    kept = running()
    result = ProbeResult(began=0, ended=0, exit_code=1, output="")
    assert keeper.process_gone(kept, 0) == Turn(kept)
    assert keeper.probed(kept, 0, result, at(1), took_s=0.1) == Turn(kept)


@pytest.mark.parametrize("told", [True, False])
def test_what_the_history_knows_is_not_told_again(*, told: bool) -> None:
    seen = Seen(1000.0, 1005.0) if told else None
    met = keeper.meet(EXITED, at(60), seen=seen)
    settled = keeper.settled(met.kept, EXITED, at(60))
    assert (ContainerStarted in kinds(met)) is not told
    assert (ContainerExited in kinds(settled)) is not told
    assert RecordRestart in kinds(settled)


def test_a_stop_that_fails_is_tried_again_by_the_next_failing_probe() -> None:
    failing = ProbeResult(began=0, ended=0, exit_code=1, output="")
    condemned = keeper.probed(running(), 1, failing, at(6), took_s=0.1)
    assert kinds(condemned)[-1] is Stop
    back = keeper.failed(condemned.kept, Stop(), "stuck", at(7))
    assert (back.kept.phase, back.kept.condemned, kinds(back)[-1]) == (Phase.RUNNING, False, Watch)
    again = keeper.due(back.kept, at(12.1))
    assert kinds(again) == [RunProbe]
    assert kinds(keeper.probed(again.kept, 1, failing, at(12.2), took_s=0.1))[-1] is Stop


def test_an_unhealthy_one_is_restarted_whatever_its_policy_unless_a_user_stopped_it() -> None:
    spec = msgspec.structs.replace(SPEC, restart=RestartPolicy())
    exited = msgspec.structs.replace(EXITED, spec=spec)
    stopping = msgspec.structs.replace(running(), phase=Phase.STOPPING, condemned=True)
    assert keeper.settled(stopping, exited, at(5)).kept.phase is not Phase.IDLE
    stopped = msgspec.structs.replace(exited, manually_stopped=True)
    assert keeper.settled(stopping, stopped, at(5)).kept.phase is Phase.IDLE


def test_a_restart_that_a_user_s_stop_overtook_clears_the_record() -> None:
    kept = msgspec.structs.replace(running(), phase=Phase.STARTING, state=EXITED)
    turn = keeper.started(kept, msgspec.structs.replace(EXITED, manually_stopped=True), at(6))
    assert (turn.kept.phase, turn.steps) == (Phase.IDLE, (RecordRestart(0, waiting=False),))


def test_a_granted_restart_outlives_the_supervisor() -> None:
    waiting = msgspec.structs.replace(EXITED, state=State.RESTARTING, restart_count=4, finished_at=1005.0)
    turn = keeper.meet(waiting, at(5.3))
    assert turn.kept.phase is Phase.WAITING
    assert turn.kept.act_due == pytest.approx(50 + 5 + 0.8)
    assert kinds(keeper.due(turn.kept, at(5.81))) == [Start]


def test_a_wrong_clock_does_no_harm() -> None:
    before_its_start = keeper.meet(RUNNING, Moment(10.0, 50.0)).kept
    assert before_its_start.began == 50.0
    assert before_its_start.probe_due == pytest.approx(50.1)


def test_one_that_was_started_and_ended_between_two_looks_is_restarted() -> None:
    made = msgspec.structs.replace(RUNNING, state=State.CREATED, pid=0, started_at=0.0)
    met = keeper.meet(made, at(-1), booted_at=500.0).kept
    turn = keeper.observe(met, EXITED, at(5))
    assert kinds(turn) == [ContainerStarted, type(turn.steps[1]), Settle]
    assert keeper.settled(turn.kept, EXITED, at(5)).kept.phase is Phase.WAITING
