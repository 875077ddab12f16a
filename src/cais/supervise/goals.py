"""What a command can wait for, and when the wait is over. Pure."""

from __future__ import annotations

import enum

import msgspec

from cais.engine.protocol import Health, ProbeResult, State
from cais.supervise.kept import Kept, Phase


class Goal(enum.Enum):
    """What is waited for, after `depends_on`'s conditions. A container without a health check is healthy when it runs.

    STARTED is reached by one that has ended since, too, as in Docker: a service may do its work in less time than it takes to look.
    """

    STARTED = "started"
    RUNNING = "running"
    HEALTHY = "healthy"
    COMPLETED = "completed"


class WaitEnd(enum.Enum):
    """How a wait ended. LOST: the supervisor went away; start it again and wait again."""

    REACHED = "reached"
    UNHEALTHY = "unhealthy"
    EXITED = "exited"
    CRASHING = "crashing"
    REMOVED = "removed"
    DEADLINE = "deadline"
    LOST = "lost"


class WaitOutcome(msgspec.Struct, frozen=True, kw_only=True, tag="outcome"):
    """What came of a wait, with all that explains it. `restarts` are those since a user started the container."""

    end: WaitEnd
    container_id: str
    state: State | None = None
    health: Health = Health.NONE
    failing_streak: int = 0
    exit_code: int = 0
    oom_killed: bool = False
    exit_reason: str = ""
    restarts: int = 0
    last_probe: ProbeResult | None = None

    @property
    def reached(self) -> bool:
        """Whether the goal was reached."""
        return self.end is WaitEnd.REACHED


def end_of_wait(kept: Kept, goal: Goal) -> WaitEnd | None:
    """How a wait for `goal` ends now, None while it goes on.

    A container that is down for good ends every wait; one that is being restarted does not.
    """
    if goal is Goal.STARTED and kept.state.started_at:
        return WaitEnd.REACHED
    down = kept.phase is Phase.IDLE and kept.state.state in (State.EXITED, State.DEAD)
    if goal is Goal.COMPLETED:
        ended = kept.state.state in (State.EXITED, State.DEAD, State.RESTARTING)
        over = ended and kept.phase in (Phase.IDLE, Phase.WAITING, Phase.STARTING)
        if over and kept.state.exit_code == 0:
            return WaitEnd.REACHED
        return WaitEnd.EXITED if down else None
    if down:
        return WaitEnd.EXITED
    if kept.phase is not Phase.RUNNING:
        return None
    if goal is Goal.RUNNING or kept.health in (Health.NONE, Health.HEALTHY):
        return WaitEnd.REACHED
    return WaitEnd.UNHEALTHY if kept.health is Health.UNHEALTHY else None


def outcome(kept: Kept, end: WaitEnd) -> WaitOutcome:
    """The outcome of a wait that ended so."""
    state = kept.state
    return WaitOutcome(
        end=end,
        container_id=state.id,
        state=state.state,
        health=kept.health,
        failing_streak=kept.track.failing_streak if kept.track else 0,
        exit_code=state.exit_code,
        oom_killed=state.oom_killed,
        exit_reason=state.exit_reason,
        restarts=state.restart_count,
        last_probe=kept.last_probe,
    )
