"""A Docker engine started for the occasion by scripts/docker-engine.sh, and Compose v2 beside it. Used by the conformance tests too."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO

import msgspec

from bench import processes
from bench.model import Side
from bench.programs import MeasureError, Place, call, clean_env

SCRIPT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "scripts", "docker-engine.sh")
START_TIMEOUT_S = 300
SETTINGS_OF_SCRIPT = ("HOST_ADDRESS", "NETWORK_NAMESPACE", "PROGRAMS", "RUNNING", "STATE")


class EngineUnavailable(Exception):
    """No Docker engine can be had here; the text says why."""


class DockerTool(msgspec.Struct, frozen=True, kw_only=True):
    """A running engine and its client. `host_address` is where the engine reaches this machine."""

    env: Mapping[str, str]
    network: str
    programs: str
    host_address: str = ""
    compose: tuple[str, ...] = ("docker", "compose")
    side: Side = Side.DOCKER

    @property
    def place(self) -> Place:
        """The engine's network namespace: its published ports are there."""
        return Place(env=self.env, network=self.network)

    def ask(self, *words: str, cwd: str = "/", timeout_s: float = 900) -> str:
        """The standard output of `docker` with `words`. `MeasureError` when it fails."""
        return call(("docker", *words), msgspec.structs.replace(self.place, cwd=cwd), timeout_s=timeout_s).stdout

    def main_pid(self, folder: str, service: str) -> int:
        """From `docker inspect`."""
        container = self.ask("compose", "-f", "compose.yaml", "ps", "-q", service, cwd=folder).strip()
        if not container:
            raise MeasureError(f'docker compose ps shows no container of "{service}"')
        return int(self.ask("inspect", "-f", "{{.State.Pid}}", container))

    def own_pids(self) -> list[int]:
        """All that run a program of the engine's: dockerd, containerd, a shim a container, a proxy a port."""
        return processes.where(lambda path: path.startswith(self.programs + "/"))

    def daemon_pids(self) -> list[int]:
        """dockerd and containerd."""
        return processes.where(
            lambda path: path.startswith(self.programs + "/") and path.endswith(("/dockerd", "/containerd"))
        )


@contextmanager
def docker_engine() -> Iterator[DockerTool]:
    """A running engine. `EngineUnavailable` when it cannot be had.

    Whoever starts it leaves a mark, and of those who share it the last to leave stops it; one started by hand is left running. What a run
    that was killed left in it is removed by the next one.
    """
    name = os.path.basename(_settings()["NETWORK_NAMESPACE"])
    with _lock(f"{name}.users") as users:
        with _lock(f"{name}.gate") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            tool, mark = _started()
            if os.path.exists(mark) and _alone(users):
                _clear(tool)
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield tool
        finally:
            with _lock(f"{name}.gate") as gate:
                fcntl.flock(gate, fcntl.LOCK_EX)
                if os.path.exists(mark) and _alone(users):
                    subprocess.run([SCRIPT, "stop"], capture_output=True, timeout=START_TIMEOUT_S, check=False)


def _lock(name: str) -> IO[str]:
    return open(f"/tmp/{name}.lock", "a", encoding="ascii")


def _started() -> tuple[DockerTool, str]:
    was_running = bool(_settings()["RUNNING"])
    began = subprocess.run([SCRIPT, "start"], capture_output=True, text=True, timeout=START_TIMEOUT_S, check=False)
    if began.returncode:
        raise EngineUnavailable(began.stderr.strip() or "scripts/docker-engine.sh start failed")
    settings = _settings()
    mark = os.path.join(settings["STATE"], "stop-after-use")
    if not was_running:
        with open(mark, "w", encoding="ascii"):
            pass
    return _tool(settings), mark


def _clear(tool: DockerTool) -> None:
    """Remove all containers, and the volumes and networks that only they had; images and volumes with a name stay."""
    if containers := tool.ask("ps", "-aq").split():
        tool.ask("rm", "-f", "-v", *containers)
    tool.ask("volume", "prune", "-f")
    tool.ask("network", "prune", "-f")


def _alone(users: IO[str]) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _settings() -> dict[str, str]:
    text = subprocess.run([SCRIPT, "env"], capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in text.splitlines())


def _tool(settings: Mapping[str, str]) -> DockerTool:
    client = {name: value for name, value in settings.items() if name not in SETTINGS_OF_SCRIPT}
    return DockerTool(
        env=clean_env(**client),
        network=settings["NETWORK_NAMESPACE"],
        programs=settings["PROGRAMS"],
        host_address=settings["HOST_ADDRESS"],
    )
