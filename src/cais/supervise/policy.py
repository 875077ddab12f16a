"""After how long a container that ended is started again; whether it is, says `engine.restarts`. Pure.

Docker's rules, with one difference: the first restart of a container that had been running well does not wait. What
`deploy.restart_policy` says beyond them (delay, window) is as the Compose Deploy Specification has it.
"""

from __future__ import annotations

from cais.engine.protocol import RestartPolicy

FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 60.0
GOOD_RUN_S = 10.0  # a run this long takes the back-off to its start again
STEADY_RUN_S = 1.0  # without a health check, a run this long counts as "was running well"


def next_delay(policy: RestartPolicy, previous_s: float | None, *, ran_s: float, ran_well: bool) -> float:
    """Seconds to wait before the next restart. `previous_s` is the wait before the run that ended, None before the first restart.

    The policy's own if it has one. Else 0 for the first restart after a run that went well; else 100 ms, doubling up to a minute; from
    the start again after a run of 10 s.
    """
    if policy.delay_s is not None:
        return policy.delay_s
    if previous_s is None or ran_s >= GOOD_RUN_S:
        return 0.0 if ran_well or ran_s >= GOOD_RUN_S else FIRST_DELAY_S
    return min(max(FIRST_DELAY_S, previous_s * 2), LONGEST_DELAY_S)


def resumed_delay(policy: RestartPolicy, restart_count: int) -> float | None:
    """The `previous_s` of a container whose history of waits died with an earlier supervisor, judged by its restarts."""
    if restart_count == 0:
        return None
    if policy.delay_s is not None:
        return policy.delay_s
    return min(FIRST_DELAY_S * 2.0 ** min(restart_count - 1, 16), LONGEST_DELAY_S)
