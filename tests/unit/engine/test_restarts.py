import pytest

from cais.engine.protocol import RestartMode, RestartPolicy
from cais.engine.restarts import counted, may_restart

NO = RestartPolicy()
ALWAYS = RestartPolicy(RestartMode.ALWAYS)
UNLESS_STOPPED = RestartPolicy(RestartMode.UNLESS_STOPPED)
ON_FAILURE = RestartPolicy(RestartMode.ON_FAILURE)
ON_FAILURE_3 = RestartPolicy(RestartMode.ON_FAILURE, 3)
ALWAYS_3 = RestartPolicy(RestartMode.ALWAYS, 3)


@pytest.mark.parametrize(
    ("policy", "exit_code", "restarts", "restarted"),
    [
        (NO, 0, 0, False),
        (NO, 1, 0, False),
        (ALWAYS, 0, 0, True),
        (ALWAYS, 1, 99, True),
        (UNLESS_STOPPED, 0, 0, True),
        (UNLESS_STOPPED, 137, 99, True),
        (ON_FAILURE, 0, 0, False),
        (ON_FAILURE, 1, 99, True),
        (ON_FAILURE_3, 1, 2, True),
        (ON_FAILURE_3, 1, 3, False),
        (ON_FAILURE_3, 0, 0, False),
        (ALWAYS_3, 0, 2, True),
        (ALWAYS_3, 0, 3, False),
    ],
)
def test_policies(policy: RestartPolicy, exit_code: int, restarts: int, *, restarted: bool) -> None:
    assert may_restart(policy, exit_code, manually_stopped=False, restart_count=restarts) is restarted
    assert not may_restart(policy, exit_code, manually_stopped=True, restart_count=restarts)


@pytest.mark.parametrize(("ran_s", "count"), [(0.0, 4), (9.9, 4), (10.0, 0), (1e6, 0)])
def test_a_run_as_long_as_the_window_was_a_success(ran_s: float, count: int) -> None:
    assert counted(RestartPolicy(RestartMode.ON_FAILURE, 5, window_s=10.0), 4, ran_s=ran_s) == count
    assert counted(ON_FAILURE_3, 4, ran_s=ran_s) == 4
