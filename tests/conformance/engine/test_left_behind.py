"""A run that is killed leaves containers and their anonymous volumes in its engine: the next run begins without them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from bench.docker import SCRIPT, DockerTool
from tests.e2e.harness import CHECKOUT, Cais

KILLED = """
import os, signal
with docker_engine() as docker:
    docker.ask("load", "-i", "{archive}")
    docker.ask("volume", "create", "kept")
    docker.ask("run", "-d", "-v", "/stored", "-v", "kept:/kept", "{image}")
    print("containers", len(docker.ask("ps", "-aq").split()), "volumes", len(docker.ask("volume", "ls", "-q").split()), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
NEXT = """
with docker_engine() as docker:
    print("containers", docker.ask("ps", "-aq").split(), "volumes", docker.ask("volume", "ls", "-q").split())
"""


@pytest.fixture
def apart(docker: DockerTool) -> Iterator[Mapping[str, str]]:
    """The environment of an engine of this test's own, from the same programs."""
    home = Path(docker.programs).parent.with_name(f"cais-left-behind-{os.getpid()}")
    shutil.copytree(docker.programs, home / "prefix", symlinks=True, copy_function=os.link)
    environment = {**os.environ, "CAIS_DOCKER_HOME": str(home), "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'src'}"}
    yield environment
    subprocess.run([SCRIPT, "remove"], env=environment, check=True, capture_output=True)


def run(program: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    source = "from bench.docker import docker_engine\n" + program
    return subprocess.run(
        [sys.executable, "-c", source], env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_what_a_killed_run_left_is_gone(apart: Mapping[str, str], cais_root: Path, tiny: str, tmp_path: Path) -> None:
    archive = tmp_path / "tiny.tar"
    Cais(cais_root, tmp_path).ok("image", "save", tiny, "-o", str(archive))
    killed = run(KILLED.format(archive=archive, image=tiny), apart)
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, "containers 1 volumes 2\n"), killed.stderr
    following = run(NEXT, apart)
    assert (following.returncode, following.stdout) == (0, "containers [] volumes ['kept']\n"), following.stderr
