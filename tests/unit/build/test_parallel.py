import threading
from pathlib import Path

import pytest

from cais.build.parallel import Outcomes, run_side_by_side
from cais.build.steplock import step_lock
from cais.errors import BuildError, Interrupted


def test_jobs_wait_for_each_other() -> None:
    outcomes: Outcomes[str, int] = Outcomes({"known": 1})
    jobs = {
        "second": lambda: outcomes.settle("second", lambda: outcomes.wait("first") + outcomes.wait("known")),
        "first": lambda: outcomes.settle("first", lambda: 10),
    }
    run_side_by_side(jobs, threading.Event())
    assert outcomes.wait("second") == 11


def test_the_first_failure_is_what_is_raised() -> None:
    outcomes: Outcomes[str, int] = Outcomes({})
    cancelled = threading.Event()

    def fail() -> int:
        raise BuildError("broken")

    jobs = {
        "waits": lambda: outcomes.settle("waits", lambda: outcomes.wait("fails")),
        "fails": lambda: outcomes.settle("fails", fail),
    }
    with pytest.raises(BuildError, match="broken"):
        run_side_by_side(jobs, cancelled)
    assert cancelled.is_set()
    with pytest.raises(Interrupted):
        outcomes.wait("fails")


def test_a_step_has_one_maker_and_leaves_no_file(tmp_path: Path) -> None:
    inside = 0
    most = 0
    guard = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        for _ in range(30):
            with step_lock(str(tmp_path), "key"):
                with guard:
                    inside += 1
                    most = max(most, inside)
                with guard:
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert list(tmp_path.iterdir()) == []
