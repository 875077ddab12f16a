from __future__ import annotations

import os
import signal
import subprocess
import time

from cais.linux.processes import boot_id, command_line, is_alive, open_process, send, start_time, wait_end


def test_a_process_is_its_pid_and_its_start() -> None:
    child = subprocess.Popen(["sleep", "100"])
    started = start_time(child.pid)
    try:
        assert is_alive(child.pid, started)
        assert not is_alive(child.pid, started + 1)
        assert open_process(child.pid, started + 1) is None
        deadline = time.monotonic() + 5
        while not command_line(child.pid) and time.monotonic() < deadline:  # the kernel is still at exec
            time.sleep(0.001)
        assert command_line(child.pid) == "sleep 100"
        fd = open_process(child.pid, started)
        assert fd is not None
        assert not wait_end(fd, 0.01)
        assert send(fd, signal.SIGKILL)
        assert wait_end(fd, 5)
        assert not is_alive(child.pid, started)  # its zombie is no process any more
    finally:
        child.kill()
        child.wait()
    assert not send(fd, signal.SIGKILL)
    os.close(fd)
    assert open_process(child.pid, started) is None
    assert start_time(child.pid) == 0
    assert command_line(child.pid) == ""


def test_boot_id_is_one_for_the_boot() -> None:
    assert boot_id() == boot_id() != ""
