"""What the supervisor tells: streamed to those who listen, and kept for `cais events --since`."""

from __future__ import annotations

import msgspec

from cais.engine.protocol import Health


class _About(msgspec.Struct, frozen=True, kw_only=True):
    """When (seconds since the epoch), and which container."""

    at: float
    service: str
    container: str
    container_id: str


class ContainerCreated(_About, frozen=True, kw_only=True, tag="created"):
    """A container is there that was not."""


class ContainerStarted(_About, frozen=True, kw_only=True, tag="started"):
    """A process runs. `automatic`: the supervisor started it."""

    automatic: bool = False


class ContainerExited(_About, frozen=True, kw_only=True, tag="exited"):
    """The process ended; `at` is when. `reason` says more where more is known."""

    exit_code: int
    oom_killed: bool = False
    reason: str = ""


class ContainerRestarting(_About, frozen=True, kw_only=True, tag="restarting"):
    """A restart is decided: the `attempt`-th since a user started the container, in `delay_s` seconds."""

    delay_s: float
    attempt: int
    cause: str


class ContainerRemoved(_About, frozen=True, kw_only=True, tag="removed"):
    """The container is no more."""


class HealthChanged(_About, frozen=True, kw_only=True, tag="health"):
    """The health went from `previous` to `health`; `detail` is the output of the probe that made it unhealthy."""

    previous: Health
    health: Health
    detail: str = ""


class ProbeFailed(_About, frozen=True, kw_only=True, tag="probe-failed"):
    """A health check failed, and it counts: `failing_streak` in a row."""

    exit_code: int
    output: str
    failing_streak: int


class SupervisorFault(_About, frozen=True, kw_only=True, tag="fault"):
    """Something about a container could not be done; the supervisor goes on. Names are empty when it is about none."""

    message: str


SupervisorEvent = (
    ContainerCreated
    | ContainerStarted
    | ContainerExited
    | ContainerRestarting
    | ContainerRemoved
    | HealthChanged
    | ProbeFailed
    | SupervisorFault
)
