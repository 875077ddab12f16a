"""What the supervisor keeps in mind of one container, and the steps it can take. Values only."""

from __future__ import annotations

import enum

import msgspec

from cais.engine.protocol import ContainerState, Health, ProbeResult
from cais.supervise.events import SupervisorEvent
from cais.supervise.health import HealthTrack


class Phase(enum.Enum):
    """What is going on with a container."""

    IDLE = "idle"  # not running, and nobody waits for it to run again
    RUNNING = "running"
    SETTLING = "settling"  # the process is gone, the engine is asked what became of it
    WAITING = "waiting"  # for the end of the back-off
    STARTING = "starting"  # the engine starts it
    STOPPING = "stopping"  # the engine stops it because it is unhealthy


class Moment(msgspec.Struct, frozen=True):
    """One instant on both clocks: seconds since the epoch, and monotonic."""

    epoch: float
    monotonic: float


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One container. `run` counts the processes seen; `began` is the monotonic start of the present one.

    `probe_due` and `act_due` (end of the back-off, or the next question about an exit) are monotonic. `last_delay_s` is the wait
    before the present run. `condemned`: it is stopped for being unhealthy, and restarted whatever its policy. `exit_told` is when the
    last exit was that the history has. `heard` is `health.next_probe_in`'s `heard_s`. `stays_down`: its last run was before the machine's start; `up` is to start it, in its order.
    """

    state: ContainerState
    phase: Phase = Phase.IDLE
    run: int = 0
    began: float = 0.0
    track: HealthTrack | None = None
    last_probe: ProbeResult | None = None
    was_healthy: bool = False
    heard: float | None = None
    probing: bool = False
    probe_due: float | None = None
    act_due: float | None = None
    last_delay_s: float | None = None
    settle_tries: int = 0
    condemned: bool = False
    exit_told: float = 0.0
    stays_down: bool = False

    @property
    def health(self) -> Health:
        """The health as known here, which is newer than the engine's record."""
        return self.track.health if self.track else Health.NONE

    @property
    def due(self) -> float | None:
        """The monotonic time at which `keeper.due` has something to do."""
        moments = [moment for moment in (self.probe_due, self.act_due) if moment is not None]
        return min(moments, default=None)


# --- steps: what the loop does; each is about the container that the turn is about -------------------------------------


class Watch(msgspec.Struct, frozen=True):
    """Tell when process `pid` of run `run` ends."""

    pid: int
    run: int


class Unwatch(msgspec.Struct, frozen=True):
    """The process needs no watching any more."""


class Settle(msgspec.Struct, frozen=True):
    """Ask the engine what became of the process."""


class Start(msgspec.Struct, frozen=True):
    """Have the engine start the container."""


class Stop(msgspec.Struct, frozen=True):
    """Have the engine stop the container, not as a user's wish."""


class RunProbe(msgspec.Struct, frozen=True):
    """Run the health check for run `run`."""

    run: int
    argv: tuple[str, ...]
    timeout_s: float


class RecordHealth(msgspec.Struct, frozen=True):
    """Have the engine keep the health."""

    health: Health
    failing_streak: int
    probe: ProbeResult | None


class RecordRestart(msgspec.Struct, frozen=True):
    """Have the engine keep the restart count."""

    restart_count: int
    waiting: bool


class Publish(msgspec.Struct, frozen=True):
    """Tell the listeners and the history."""

    event: SupervisorEvent


Step = Watch | Unwatch | Settle | Start | Stop | RunProbe | RecordHealth | RecordRestart | Publish


class Turn(msgspec.Struct, frozen=True):
    """What a fact leads to: what is kept from now on, and what to do, in order."""

    kept: Kept
    steps: tuple[Step, ...] = ()
