"""A real PostgreSQL server in a temporary folder."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_CONFIGURATION = """
listen_addresses = ''
unix_socket_directories = '{folder}'
"""
# The machine may lose power: a test would be repeated.
QUICK = "fsync = off"


def programs() -> Path:
    """The folder of the newest server on this machine. Skips the test if there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    if on_path is None:
        pytest.skip("no PostgreSQL server on this machine (Debian: apt-get install postgresql)")
    return Path(on_path).parent


@dataclass(frozen=True)
class PostgresServer:
    """`folder` has the socket and the data."""

    folder: Path
    bin: Path

    @property
    def url(self) -> str:
        return f"postgresql:///postgres?host={self.folder}&user=postgres"

    def run(self, *command: str) -> None:
        """One of the server's programs. It refuses to be run by root, so root runs it as nobody."""
        user, group = ("nobody", "nogroup") if os.getuid() == 0 else (None, None)
        argv = [str(self.bin / command[0]), *command[1:]]
        subprocess.run(argv, check=True, cwd=self.folder, stdout=subprocess.DEVNULL, user=user, group=group)

    def start(self) -> None:
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-l", str(self.folder / "log"), "-w", "start")

    def stop(self, mode: str = "immediate") -> None:
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-m", mode, "-w", "stop")

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """While it lasts, the server takes connections and requests (the system does), and answers none."""
        main = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        processes = [main, *map(int, children)]
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                os.kill(process, signal.SIGCONT)


@contextmanager
def running(parent: str = "/tmp", settings: str = QUICK) -> Iterator[PostgresServer]:
    """A server with an empty database in a folder below `parent`, stopped and removed at the end. `settings`: lines of its configuration."""
    with tempfile.TemporaryDirectory(prefix="fotogal-pg-", dir=parent) as name, kept(Path(name), settings) as server:
        yield server


@contextmanager
def kept(folder: Path, settings: str = QUICK) -> Iterator[PostgresServer]:
    """A server whose data is in `folder`, and stays there when it is stopped at the end. The folder's path is short: a socket's has to be."""
    server = PostgresServer(folder, programs())
    if not (folder / "data").exists():
        if os.getuid() == 0:
            os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
        _create(server, settings)
    server.start()
    try:
        yield server
    finally:
        server.stop("fast")  # what is kept is written out, so that the next start has nothing to recover


def _create(server: PostgresServer, settings: str) -> None:
    data = server.folder / "data"
    server.run(
        "initdb",
        "-D",
        str(data),
        "-U",
        "postgres",
        "--auth=trust",
        "--no-sync",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
    )
    with open(data / "postgresql.conf", "a", encoding="utf-8") as configuration:
        configuration.write(_CONFIGURATION.format(folder=server.folder) + settings)
