"""Decides for one container: a fact comes in, what is kept and what is to be done comes out. Pure; the loop acts.

Facts are: what the engine says (`observe`, `settled`, `started`), that a process ended (`process_gone`), that a probe ended
(`probed`), that a step could not be done (`failed`), that a moment has come (`due`), that the container is gone (`removed`).
"""

from __future__ import annotations

import math

import msgspec

from cais.engine import restarts
from cais.engine.protocol import ContainerState, Health, ProbeResult, State
from cais.supervise import events, policy
from cais.supervise.health import (
    HealthTrack,
    Verdict,
    after_probe,
    first_probe_s,
    interval_s,
    is_probed,
    judge,
    new_track,
    next_probe_in,
    probe_argv,
)
from cais.supervise.kept import (
    Kept,
    Moment,
    Phase,
    Publish,
    RecordHealth,
    RecordRestart,
    RunProbe,
    Settle,
    Start,
    Step,
    Stop,
    Turn,
    Unwatch,
    Watch,
)

FIRST_SETTLE_S, LONGEST_SETTLE_S = 0.005, 1.0
CANNOT_START = 127  # what a start that failed counts as for `on-failure`

ENDED = (State.EXITED, State.DEAD)

replace = msgspec.structs.replace


class Seen(msgspec.Struct, frozen=True):
    """When the last start and the last exit of a container were that the history knows of, in seconds since the epoch."""

    started_at: float = 0.0
    exited_at: float = 0.0


def about(state: ContainerState) -> dict[str, str]:
    """The fields all events of a container share, as keywords."""
    return {"service": state.spec.service, "container": state.name, "container_id": state.id}


# --- what the engine says ----------------------------------------------------------------------------------------------


def meet(state: ContainerState, moment: Moment, *, seen: Seen | None = None, booted_at: float = 0.0) -> Turn:
    """A container this supervisor did not know. What an earlier one recorded is taken up; one that ended meanwhile is restarted by its policy.

    Containers whose last run began before the machine did (`booted_at`) stay down: `up` starts them in their order.
    """
    told = seen or Seen()
    kept = Kept(
        state=state,
        last_delay_s=policy.resumed_delay(state.spec.restart, state.restart_count),
        was_healthy=state.health is Health.HEALTHY,
        exit_told=told.exited_at,
        stays_down=0.0 < state.started_at < booted_at,
    )
    match state.state:
        case State.CREATED:
            created = events.ContainerCreated(at=state.created_at, **about(state))
            return Turn(kept, () if seen else (Publish(created),))
        case State.RUNNING:
            return _begin(kept, moment, resumed=True, told=told.started_at == state.started_at)
        case State.RESTARTING:
            waited_s = max(0.0, moment.epoch - state.finished_at)
            delay_s = max(0.0, (kept.last_delay_s or 0.0) - waited_s)
            waiting = replace(kept, phase=Phase.WAITING, act_due=moment.monotonic + delay_s)
            return Turn(kept if kept.stays_down else waiting)
        case State.EXITED | State.DEAD:
            if not state.started_at:
                return Turn(kept)
            turn = _ask(kept)
            if told.started_at == state.started_at:
                return turn
            return Turn(turn.kept, (Publish(_started_event(state, automatic=False)), *turn.steps))


def observe(kept: Kept, state: ContainerState, moment: Moment) -> Turn:
    """The engine's word on a known container, asked because somebody changed something.

    What an exit came to is only certain after `Settle`: the exit status may not be written yet.
    """
    same = _same_run(kept.state, state)
    if state.state is State.RUNNING:
        if same and kept.phase is Phase.SETTLING:
            return Turn(kept)
        if same and kept.phase in (Phase.RUNNING, Phase.STOPPING):
            return Turn(replace(kept, state=state))
        return _begin(replace(kept, state=state), moment)
    if state.state not in ENDED:
        return Turn(kept)  # somebody is at it, and will tell
    match kept.phase:
        case Phase.RUNNING:
            return _ask(kept)
        case Phase.SETTLING | Phase.STARTING | Phase.STOPPING:
            return Turn(kept)  # the call under way tells how it went
        case Phase.IDLE | Phase.WAITING:
            if state.started_at > kept.state.started_at:
                told = Publish(_started_event(state, automatic=False))
                # Started and ended since it was looked at last: whatever held for earlier runs does not for this one.
                turn = _ask(replace(kept, state=state, stays_down=False))
                return Turn(turn.kept, (told, *turn.steps))
            if state.manually_stopped and kept.phase is Phase.WAITING:
                return Turn(replace(kept, state=state, phase=Phase.IDLE, act_due=None))
            return Turn(replace(kept, state=state))


def settled(kept: Kept, state: ContainerState, moment: Moment) -> Turn:
    """The engine's answer to `Settle`. The exit may be on its way still: then it is asked again."""
    if kept.phase not in (Phase.SETTLING, Phase.STOPPING):
        return observe(kept, state, moment)
    if state.state is State.RUNNING and _same_run(kept.state, state):
        if kept.phase is Phase.STOPPING:
            return Turn(_unstopped(kept, moment), (Watch(state.pid, kept.run),))
        wait_s = min(FIRST_SETTLE_S * 2.0 ** min(kept.settle_tries, 16), LONGEST_SETTLE_S)
        return Turn(replace(kept, settle_tries=kept.settle_tries + 1, act_due=moment.monotonic + wait_s))
    if state.state is State.RUNNING:
        return _begin(replace(kept, state=state), moment)
    if state.state is State.CREATED:
        return Turn(replace(kept, state=state, phase=Phase.IDLE, condemned=False))
    return _ended(replace(kept, state=state), moment)


def started(kept: Kept, state: ContainerState, moment: Moment) -> Turn:
    """The engine's answer to `Start`."""
    if kept.phase is not Phase.STARTING:
        return observe(kept, state, moment)
    before, kept = kept.state, replace(kept, state=state)
    if state.state is State.RUNNING:
        return _begin(kept, moment, automatic=True)
    if state.manually_stopped or state.started_at <= before.started_at:
        return Turn(replace(kept, phase=Phase.IDLE), (RecordRestart(state.restart_count, waiting=False),))
    turn = _ask(kept)
    return Turn(turn.kept, (Publish(_started_event(state, automatic=True)), *turn.steps))


# --- exits and failures ------------------------------------------------------------------------------------------------


def process_gone(kept: Kept, run: int) -> Turn:
    """The process of run `run` ended."""
    if run != kept.run or kept.phase is not Phase.RUNNING:
        return Turn(kept)
    return _ask(kept)


def _ask(kept: Kept) -> Turn:
    """Have the engine say for certain what became of the process."""
    asking = replace(kept, phase=Phase.SETTLING, probe_due=None, act_due=None, settle_tries=0)
    return Turn(asking, (Unwatch(), Settle()))


def _unstopped(kept: Kept, moment: Moment) -> Kept:
    """It should have been stopped and runs on: the next failing probe tries again."""
    probe = kept.state.spec.probe
    wait_s = interval_s(probe) if probe else LONGEST_SETTLE_S
    return replace(kept, phase=Phase.RUNNING, condemned=False, probing=False, probe_due=moment.monotonic + wait_s)


def failed(kept: Kept, step: Step, message: str, moment: Moment) -> Turn:
    """A step could not be done. It is told; what hangs on the step goes another way, or is tried again."""
    fault = Publish(events.SupervisorFault(at=moment.epoch, message=message, **about(kept.state)))
    now = moment.monotonic
    probe = kept.state.spec.probe
    later = now + (interval_s(probe) if probe else LONGEST_SETTLE_S)
    match step, kept.phase:
        case Start(), Phase.STARTING:
            return _start_failed(kept, fault, moment)
        case Settle(), Phase.SETTLING:
            return Turn(replace(kept, act_due=now + LONGEST_SETTLE_S), (fault,))
        case ((Stop() | Settle()), Phase.STOPPING):  # the next failing probe tries again
            running = replace(kept, phase=Phase.RUNNING, condemned=False, probing=False, probe_due=later)
            return Turn(running, (fault, Watch(kept.state.pid, kept.run)))
        case RunProbe(run=run), Phase.RUNNING if run == kept.run:
            return Turn(replace(kept, probing=False, probe_due=later), (fault,))
        case _:
            return Turn(kept, (fault,))


def _start_failed(kept: Kept, fault: Publish, moment: Moment) -> Turn:
    """That counts as a run that failed at once."""
    turn = _decide(kept, moment, exit_code=CANNOT_START, ran_s=0.0, ran_well=False, cause="it could not be started")
    if turn.kept.phase is Phase.IDLE:
        return Turn(turn.kept, (fault, RecordRestart(kept.state.restart_count, waiting=False), *turn.steps))
    return Turn(turn.kept, (fault, *turn.steps))


def removed(kept: Kept, moment: Moment) -> Turn:
    """The engine does not know the container any more."""
    gone = events.ContainerRemoved(at=moment.epoch, **about(kept.state))
    return Turn(
        replace(kept, phase=Phase.IDLE, probe_due=None, act_due=None, run=kept.run + 1), (Unwatch(), Publish(gone))
    )


# --- time and probes ---------------------------------------------------------------------------------------------------


def due(kept: Kept, moment: Moment) -> Turn:
    """Do what is due at `moment`."""
    now = moment.monotonic
    if kept.act_due is not None and kept.act_due <= now:
        kept = replace(kept, act_due=None)
        if kept.phase is Phase.WAITING:
            return Turn(replace(kept, phase=Phase.STARTING), (Start(),))
        return Turn(kept, (Settle(),) if kept.phase is Phase.SETTLING else ())
    if kept.probe_due is not None and kept.probe_due <= now:
        kept = replace(kept, probe_due=None)
        probe = kept.state.spec.probe
        if kept.phase is Phase.RUNNING and probe is not None and not kept.probing:
            return Turn(replace(kept, probing=True), (RunProbe(kept.run, probe_argv(probe), probe.timeout_s),))
    return Turn(kept)


def probed(kept: Kept, run: int, result: ProbeResult, moment: Moment, *, took_s: float, crowding: float = 1.0) -> Turn:
    """A probe of run `run` ended at `moment` after `took_s`."""
    probe = kept.state.spec.probe
    if run != kept.run or kept.phase is not Phase.RUNNING or probe is None or kept.track is None:
        return Turn(kept)
    age_s = moment.monotonic - kept.began
    verdict = judge(kept.track, probe, began_s=age_s - took_s, passed=result.exit_code == 0)
    track = after_probe(kept.track, probe, verdict, ended_s=age_s)
    wait_s = next_probe_in(probe, track.health, age_s=age_s, took_s=took_s, crowding=crowding, heard_s=kept.heard)
    new = replace(
        kept,
        probing=False,
        probe_due=moment.monotonic + wait_s,
        track=track,
        last_probe=result,
        was_healthy=kept.was_healthy or track.health is Health.HEALTHY,
    )
    steps = _tell_probe(kept, new, verdict, result, moment)
    if track.health is Health.UNHEALTHY and verdict is not Verdict.PASSED and kept.state.spec.restart_unhealthy:
        condemned = replace(new, phase=Phase.STOPPING, condemned=True, probe_due=None)
        return Turn(condemned, (*steps, Unwatch(), Stop()))
    return Turn(new, steps)


def heard(kept: Kept, moment: Moment, *, something: bool) -> Turn:
    """The starting service was listened for: `something` new is there, so it is probed at once, or nothing is yet."""
    if kept.phase is not Phase.RUNNING or kept.health is not Health.STARTING:
        return Turn(kept)
    if not something:
        return Turn(kept if kept.heard is not None else replace(kept, heard=math.inf))
    probe_due = kept.probe_due if kept.probing else moment.monotonic
    return Turn(replace(kept, heard=moment.monotonic - kept.began, probe_due=probe_due))


def _tell_probe(old: Kept, new: Kept, verdict: Verdict, result: ProbeResult, moment: Moment) -> tuple[Step, ...]:
    """What is recorded and told of a probe. A result like the one before is not written down again: at rest nothing is written."""
    assert old.track is not None
    assert new.track is not None
    names = about(new.state)
    steps: list[Step] = []
    last = old.last_probe
    alike = last is not None and (last.exit_code, last.output) == (result.exit_code, result.output)
    if old.track.health is not new.track.health or old.track.failing_streak != new.track.failing_streak or not alike:
        steps.append(RecordHealth(new.track.health, new.track.failing_streak, result))
    if verdict in (Verdict.COUNTED, Verdict.EXHAUSTED):
        streak = new.track.failing_streak
        failed = events.ProbeFailed(
            at=moment.epoch, exit_code=result.exit_code, output=result.output, failing_streak=streak, **names
        )
        steps.append(Publish(failed))
    if old.track.health is not new.track.health:
        detail = result.output if new.track.health is Health.UNHEALTHY else ""
        changed = events.HealthChanged(
            at=moment.epoch, previous=old.track.health, health=new.track.health, detail=detail, **names
        )
        steps.append(Publish(changed))
    return tuple(steps)


# --- the two turning points --------------------------------------------------------------------------------------------


def can_be_heard(state: ContainerState) -> bool:
    """Whether it says something of the container that somebody listens there: in the host's network others do too."""
    return state.spec.network_mode != "host"


def _begin(kept: Kept, moment: Moment, *, automatic: bool = False, resumed: bool = False, told: bool = False) -> Turn:
    """A process runs that did not before. `resumed`: it ran before this supervisor did, so its recorded health holds."""
    state, probe = kept.state, kept.state.spec.probe
    age_s = max(0.0, moment.epoch - state.started_at)
    track = _track(state, age_s, resumed=resumed)
    new = Kept(
        state=state,
        phase=Phase.RUNNING,
        run=kept.run + 1,
        began=moment.monotonic - age_s,
        track=track,
        last_probe=state.last_probe if resumed else None,
        was_healthy=track is not None and track.health is Health.HEALTHY,
        last_delay_s=kept.last_delay_s if automatic or resumed else None,
        exit_told=kept.exit_told,
    )
    steps: list[Step] = [Watch(state.pid, new.run)]
    if track is not None and probe is not None:
        wait_s = max(0.0, first_probe_s(probe, is_heard=can_be_heard(state)) - age_s)
        if track.health is not Health.STARTING and state.last_probe is not None:
            wait_s = min(max(0.0, state.last_probe.ended + interval_s(probe) - moment.epoch), interval_s(probe))
        new = replace(new, probe_due=moment.monotonic + wait_s)
        if state.health is not track.health:
            steps.append(RecordHealth(track.health, track.failing_streak, None))
    if not told:
        steps.append(Publish(_started_event(state, automatic=automatic)))
    return Turn(new, tuple(steps))


def _track(state: ContainerState, age_s: float, *, resumed: bool) -> HealthTrack | None:
    """The health track a run begins with."""
    probe = state.spec.probe
    if probe is None or not is_probed(probe):
        return None
    fresh = new_track(probe)
    if not resumed or state.health is Health.NONE:
        return fresh
    return HealthTrack(state.health, state.failing_streak, max(fresh.counts_from_s, age_s))


def _ended(kept: Kept, moment: Moment) -> Turn:
    """The process is gone and the engine knows how: tell it, and restart or not."""
    state = kept.state
    ran_s = max(0.0, state.finished_at - state.started_at)
    ran_well = kept.was_healthy or (not is_probed(state.spec.probe) and ran_s >= policy.STEADY_RUN_S)
    cause = "it was unhealthy" if kept.condemned else f"it ended with exit code {state.exit_code}"
    turn = _decide(kept, moment, exit_code=state.exit_code, ran_s=ran_s, ran_well=ran_well, cause=cause)
    if kept.exit_told == state.finished_at:
        return turn
    exited = events.ContainerExited(
        at=state.finished_at or moment.epoch,
        exit_code=state.exit_code,
        oom_killed=state.oom_killed,
        reason=state.exit_reason,
        **about(state),
    )
    return Turn(replace(turn.kept, exit_told=state.finished_at), (Publish(exited), *turn.steps))


def _started_event(state: ContainerState, *, automatic: bool) -> events.ContainerStarted:
    spec = state.spec
    return events.ContainerStarted(
        at=state.started_at, service=spec.service, container=spec.name, container_id=state.id, automatic=automatic
    )


def _decide(kept: Kept, moment: Moment, *, exit_code: int, ran_s: float, ran_well: bool, cause: str) -> Turn:
    """Restart now, restart later, or not at all."""
    state = kept.state
    resting = replace(
        kept, phase=Phase.IDLE, probing=False, probe_due=None, act_due=None, condemned=False, was_healthy=False
    )
    asked = state.spec.restart
    count = restarts.counted(asked, state.restart_count, ran_s=ran_s)
    wanted = restarts.may_restart(asked, exit_code, manually_stopped=state.manually_stopped, restart_count=count)
    # A container that never ran is somebody's to start first.
    if kept.stays_down or not state.started_at or not (wanted or (kept.condemned and not state.manually_stopped)):
        return Turn(resting)
    delay_s = policy.next_delay(asked, kept.last_delay_s, ran_s=ran_s, ran_well=ran_well)
    attempt = count + 1
    waiting = replace(
        resting,
        state=replace(state, restart_count=attempt),
        phase=Phase.WAITING if delay_s else Phase.STARTING,
        act_due=moment.monotonic + delay_s if delay_s else None,
        last_delay_s=delay_s,
    )
    told = events.ContainerRestarting(at=moment.epoch, delay_s=delay_s, attempt=attempt, cause=cause, **about(state))
    steps: tuple[Step, ...] = (Publish(told), RecordRestart(attempt, waiting=True))
    return Turn(waiting, steps if delay_s else (*steps, Start()))


def _same_run(before: ContainerState, now: ContainerState) -> bool:
    return before.pid == now.pid and before.started_at == now.started_at
