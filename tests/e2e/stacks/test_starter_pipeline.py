"""The pipeline of `stacks/starter` with no Docker at all: its `docker` is Cais, its registry a real one."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.e2e.browser import free_port
from tests.e2e.conftest import copy_stack
from tests.e2e.harness import CHECKOUT, Cais, answers, until
from tests.e2e.stacks import dockershim, localregistry, pythonbase
from tests.e2e.stacks.pipelines import Step, steps

pytestmark = pytest.mark.root

COMMIT = "9fceb02d0ae598e95dc970b74767f19372d61af8"


class Bitbucket(NamedTuple):
    """Runs steps: those with the service `docker` on this machine, the others in a container of their image."""

    cais: Cais
    registry: str

    def run(self, step: Step, branch: str) -> subprocess.CompletedProcess[str]:
        variables = {
            "BITBUCKET_BRANCH": branch,
            "BITBUCKET_COMMIT": COMMIT,
            "DOCKERHUB_USERNAME": localregistry.ACCOUNT,
            "DOCKERHUB_TOKEN": localregistry.TOKEN,
            "REGISTRY": self.registry,
        }
        argv = ["bash", "-c", step.script]
        if "docker" not in step.services:
            project = self._container(step)
            argv = [sys.executable, "-m", "cais", "-f", str(project), "run", "--rm", "-T", "step", *argv]
        return subprocess.run(
            argv, cwd=self.cais.folder, env={**self.cais.env, **variables}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=400, check=False,
        )  # fmt: skip

    def _container(self, step: Step) -> Path:
        """A project of one service: the step's container. Behind a proxy that intercepts TLS, pip needs this machine's certificates."""
        bundle = os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
        service = {
            "image": step.image,
            "working_dir": "/build",
            "volumes": [f"{self.cais.folder}:/build", f"{bundle}:/certificates.crt:ro"],
            "environment": {"PIP_CERT": "/certificates.crt"},
        }
        project = self.cais.folder.parent / "step.json"
        project.write_text(json.dumps({"name": f"step{os.getpid()}", "services": {"step": service}}))
        return project

    def answer_of(self, tag: str) -> Any:
        """What the image says that is pulled under `tag`."""
        port = free_port()
        service = {
            "image": f"{self.registry}/{localregistry.ACCOUNT}/starter:{tag}",
            "pull_policy": "always",
            "ports": [f"{port}:8000"],
        }
        project = self.cais.folder.parent / "pulled.json"
        project.write_text(json.dumps({"name": f"pulled{os.getpid()}", "services": {"app": service}}))
        try:
            self.cais.ok("-f", str(project), "up", "-d")
            return until(lambda: (answer := answers(f"http://127.0.0.1:{port}/")) and answer.json)
        finally:
            self.cais.run("-f", str(project), "down", "-t", "0", "--rmi", "all")


@pytest.fixture
def bitbucket(cais_root: Path, tmp_path: Path) -> Iterator[Bitbucket]:
    pythonbase.ensure(cais_root)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "docker").write_text(f'#!/bin/sh\nexec {sys.executable} {dockershim.__file__} "$@"\n')
    (programs / "docker").chmod(0o755)
    env = {"PATH": f"{programs}:{os.environ['PATH']}", "DOCKER_CONFIG": str(tmp_path / "config")}
    cais = Cais(cais_root, copy_stack("starter", tmp_path), env)
    with localregistry.serving(tmp_path / "registry") as registry:
        yield Bitbucket(cais, registry)
    cais.run("-f", str(tmp_path / "step.json"), "down", "-t", "0")


def test_a_push_to_main_releases_an_image_that_says_what_it_is(bitbucket: Bitbucket) -> None:
    names = []
    for step in steps(CHECKOUT / "stacks/starter/bitbucket-pipelines.yml", "main"):
        done = bitbucket.run(step, "main")
        assert done.returncode == 0, (step.name, done.stdout, done.stderr)
        assert localregistry.TOKEN not in done.stdout + done.stderr
        names.append(step.name)
    assert names == ["Lint", "Build the image", "Release to Docker Hub"]
    image = f"{bitbucket.registry}/{localregistry.ACCOUNT}/starter"
    bitbucket.cais.ok("image", "rm", f"{image}:{COMMIT}", f"{image}:latest")
    assert bitbucket.answer_of(COMMIT) == {"commit": COMMIT, "branch": "main"}
    assert bitbucket.answer_of("latest") == {"commit": COMMIT, "branch": "main"}
