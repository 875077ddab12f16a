"""A git server for the repositories in a folder."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def git_server(address: str, folder: Path) -> Iterator[int]:
    """Serve every repository below `folder`; the port."""
    programs = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout.strip()
    port = _free_port(address)
    # Not by way of `git`, which would stay between us and the server.
    argv = [os.path.join(programs, "git-daemon"), "--export-all", f"--listen={address}", f"--port={port}"]
    server = subprocess.Popen(
        [*argv, f"--base-path={folder}", "--log-destination=none", str(folder)],
        env={**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"},
    )
    try:
        _wait_for(address, port)
        yield port
    finally:
        server.terminate()
        server.wait(10)


def _free_port(address: str) -> int:
    with socket.socket() as taken:
        taken.bind((address, 0))
        port: int = taken.getsockname()[1]
        return port


def _wait_for(address: str, port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError("the git server does not answer")
