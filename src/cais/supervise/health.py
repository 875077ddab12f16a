"""What a probe's result makes of a container's health, and when the next probe is due. Pure.

Docker's rules (Dockerfile reference, HEALTHCHECK): failures in the start period do not count, `retries` failures in a row make a
container unhealthy, one success makes it healthy. Different from Docker, a container that is starting is probed at a quick, growing
cadence, so that "healthy" is seen soon after it is true; the failures of those extra probes never count.
"""

from __future__ import annotations

import enum
import math

import msgspec

from cais.engine.protocol import Health, ProbeSpec

DEFAULT_INTERVAL_S = 30.0
DEFAULT_START_INTERVAL_S = 5.0
DEFAULT_RETRIES = 3

FIRST_PROBE_S = (
    0.01  # after the start, where nobody can see whether it listens; and after it began to while it was being probed
)
# Where that is seen, a service is probed as soon as it listens; before, a probe would only take the processor from it. One that never
# listens is found healthy this much later.
FIRST_UNHEARD_S = 0.1
# Neither does one that names a port need to be asked early: it will be heard.
FIRST_UNHEARD_LISTENER_S = 1.0
GROWTH = 1 / 3  # the wait, as a part of the run's age: each wait is about a third longer than the one before
REST = (
    2.0  # the wait is at least this many times what the last probe took: starting services keep two thirds of the time
)
# A probe that costs more than CHEAP_S (an interpreter's start) takes the processor from the service it asks about. As long as that
# service listens nowhere, which is looked up for next to nothing, it is asked this seldom.
CHEAP_S, REST_UNHEARD = 0.025, 8.0
SHORTEST_CEILING_S, LONGEST_CEILING_S = 0.25, 1.0
CEILING = 10.0  # between those, the wait grows up to this many times what a probe takes
PATIENCE = 0.05  # a service that has been starting for long is probed ever more seldom


class Verdict(enum.Enum):
    """What one probe says."""

    PASSED = "passed"
    FORGIVEN = "forgiven"
    COUNTED = "counted"
    EXHAUSTED = "exhausted"


TRANSITIONS = {
    (Health.STARTING, Verdict.PASSED): Health.HEALTHY,
    (Health.STARTING, Verdict.FORGIVEN): Health.STARTING,
    (Health.STARTING, Verdict.COUNTED): Health.STARTING,
    (Health.STARTING, Verdict.EXHAUSTED): Health.UNHEALTHY,
    (Health.HEALTHY, Verdict.PASSED): Health.HEALTHY,
    (Health.HEALTHY, Verdict.COUNTED): Health.HEALTHY,
    (Health.HEALTHY, Verdict.EXHAUSTED): Health.UNHEALTHY,
    (Health.UNHEALTHY, Verdict.PASSED): Health.HEALTHY,
    (Health.UNHEALTHY, Verdict.COUNTED): Health.UNHEALTHY,
    (Health.UNHEALTHY, Verdict.EXHAUSTED): Health.UNHEALTHY,
}


class HealthTrack(msgspec.Struct, frozen=True):
    """The health of one run. `counts_from_s`: while starting, failures of probes begun at an earlier age of the run do not count."""

    health: Health
    failing_streak: int
    counts_from_s: float


def is_probed(probe: ProbeSpec | None) -> bool:
    """Whether there is a health check at all (`NONE` turns off that of the image)."""
    return probe is not None and probe.test[:1] != ("NONE",) and len(probe.test) > 1


def probe_argv(probe: ProbeSpec) -> tuple[str, ...]:
    """The command of a health check; `CMD-SHELL` is run by the container's shell."""
    if probe.test[0] == "CMD-SHELL":
        return ("/bin/sh", "-c", *probe.test[1:])
    return probe.test[1:]


def new_track(probe: ProbeSpec) -> HealthTrack:
    """The track of a run that just began."""
    return HealthTrack(Health.STARTING, 0, first_counted_s(probe))


def first_counted_s(probe: ProbeSpec) -> float:
    """The age at which Docker's first probe that can count would begin: its first one, or the first after the start period."""
    if probe.start_period_s <= 0:
        return interval_s(probe)
    step_s = probe.start_interval_s or DEFAULT_START_INTERVAL_S
    return math.ceil(probe.start_period_s / step_s) * step_s


def interval_s(probe: ProbeSpec) -> float:
    """The interval; 0 means the default, as in Docker."""
    return probe.interval_s or DEFAULT_INTERVAL_S


def first_probe_s(probe: ProbeSpec, *, is_heard: bool) -> float:
    """The age at which a run is probed first, unless it is heard to listen before. Never later than Docker would."""
    if not is_heard:
        return FIRST_PROBE_S
    return min(FIRST_UNHEARD_LISTENER_S if probe.listens else FIRST_UNHEARD_S, docker_wait_s(probe))


def docker_wait_s(probe: ProbeSpec) -> float:
    """What Docker waits between two probes of a starting container."""
    return min(probe.start_interval_s or interval_s(probe), interval_s(probe))


def judge(track: HealthTrack, probe: ProbeSpec, *, began_s: float, passed: bool) -> Verdict:
    """What a probe says that began at age `began_s`."""
    if passed:
        return Verdict.PASSED
    if track.health is Health.STARTING and began_s < track.counts_from_s:
        return Verdict.FORGIVEN
    exhausted = track.failing_streak + 1 >= (probe.retries or DEFAULT_RETRIES)
    return Verdict.EXHAUSTED if exhausted else Verdict.COUNTED


def after_probe(track: HealthTrack, probe: ProbeSpec, verdict: Verdict, *, ended_s: float) -> HealthTrack:
    """The track after a probe that ended at age `ended_s`."""
    health = TRANSITIONS[track.health, verdict]
    match verdict:
        case Verdict.PASSED:
            return HealthTrack(health, 0, track.counts_from_s)
        case Verdict.FORGIVEN:
            return track
        case Verdict.COUNTED | Verdict.EXHAUSTED:
            return HealthTrack(health, track.failing_streak + 1, ended_s + interval_s(probe))


def next_probe_in(
    probe: ProbeSpec,
    health: Health,
    *,
    age_s: float,
    took_s: float,
    crowding: float = 1.0,
    heard_s: float | None = None,
) -> float:
    """Seconds from the end of a probe to the next. `took_s` is what that probe took.

    `heard_s` is the age at which the service last began to listen somewhere: infinity when it does not yet, None when nobody looks.
    `crowding` above 1 stretches the rest after a probe when many containers start at once on few processors. Never longer than
    Docker would wait.
    """
    if health is not Health.STARTING:
        return interval_s(probe)
    if heard_s is not None and age_s - took_s <= heard_s <= age_s:
        return FIRST_PROBE_S  # what this probe saw was before it listened
    ceiling_s = min(max(CEILING * took_s, SHORTEST_CEILING_S), LONGEST_CEILING_S)
    since_s = age_s if heard_s is None or heard_s > age_s else age_s - heard_s
    grown_s = min(max(FIRST_PROBE_S, since_s * GROWTH), max(ceiling_s, age_s * PATIENCE))
    rest = REST_UNHEARD if heard_s == math.inf and took_s > CHEAP_S else REST
    return min(max(grown_s, rest * took_s * max(1.0, crowding)), docker_wait_s(probe))
