"""Whether a container that ended is started again. Pure; Docker's rules."""

from __future__ import annotations

from cais.engine.protocol import RestartMode, RestartPolicy


def may_restart(policy: RestartPolicy, exit_code: int, *, manually_stopped: bool, restart_count: int) -> bool:
    """Whether `policy` asks for a restart. A container that a user stopped stays down under every policy."""
    if manually_stopped:
        return False
    match policy.mode:
        case RestartMode.NO:
            return False
        case RestartMode.ON_FAILURE if exit_code == 0:
            return False
    return policy.max_retries == 0 or restart_count < policy.max_retries


def counted(policy: RestartPolicy, restart_count: int, *, ran_s: float) -> int:
    """The restarts that count against the policy's limit after a run of `ran_s`."""
    return 0 if policy.window_s and ran_s >= policy.window_s else restart_count
