import ctypes
import os
import subprocess
import time
from collections.abc import Iterator

import pytest

from cais.engine.native import inside

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


@pytest.fixture
def adopts() -> Iterator[None]:
    """This process gets the children of those it started that ended, as PID 1 of a container does."""
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    yield
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def children(pid: int) -> tuple[int, ...]:
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as stream:
        return tuple(int(word) for word in stream.read().split())


@pytest.mark.usefixtures("adopts")
def test_a_check_that_is_killed_leaves_no_child_to_pid_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inside, "REAP_S", 10.0)  # the shell has to come to it, on a busy machine too
    before = children(os.getpid())
    shell = subprocess.Popen(["sh", "-c", "sleep 1000; sleep 1000; :"], start_new_session=True)
    while not (started := children(shell.pid)):
        time.sleep(0.001)
    stranger = subprocess.Popen(["sleep", "1000"])
    # This process's own: the shell, the stranger, and what the shell left.
    inside.kill_session(shell.pid, lambda: (*children(os.getpid()), *children(shell.pid)))
    assert shell.wait(10) == -9
    assert not os.path.exists(f"/proc/{started[0]}")
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()
    # The shell may have begun its next command, which is this process's now.
    for pid in set(children(os.getpid())) - set(before):
        assert pid != started[0]
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -9


def test_of_one_that_has_ended_nobody_is_killed() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    inside.kill_session(ended.pid, lambda: (os.getpid(),))
    inside.kill_session(0, lambda: (os.getpid(),))
