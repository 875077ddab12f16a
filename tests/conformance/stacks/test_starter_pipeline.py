"""The pipeline of `stacks/starter`, step by step as Bitbucket would run it, with a real Docker client, engine and registry."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from bench.docker import DockerTool
from bench.netns import inside
from tests.e2e.browser import free_port
from tests.e2e.conftest import copy_stack
from tests.e2e.harness import Cais, answers, until
from tests.e2e.stacks import localregistry, pythonbase
from tests.e2e.stacks.pipelines import Step, steps

pytestmark = [pytest.mark.root, pytest.mark.docker]

FIRST, SECOND = "9fceb02d0ae598e95dc970b74767f19372d61af8", "0123456789abcdef0123456789abcdef01234567"


class Bitbucket(NamedTuple):
    """Runs steps: those with the service `docker` beside the engine, the others in a container of their image."""

    docker: DockerTool
    folder: Path
    env: Mapping[str, str]
    registry: str

    def push(self, branch: str, commit: str) -> list[str]:
        """What a push of `commit` to `branch` sets off; the names of the steps that were run."""
        done = []
        for step in steps(self.folder / "bitbucket-pipelines.yml", branch):
            said = self.run(step, branch, commit)
            assert said.returncode == 0, (step.name, said.stdout, said.stderr)
            done.append(step.name)
        return done

    def run(self, step: Step, branch: str, commit: str) -> subprocess.CompletedProcess[str]:
        variables = {
            "BITBUCKET_BRANCH": branch,
            "BITBUCKET_COMMIT": commit,
            "DOCKERHUB_USERNAME": localregistry.ACCOUNT,
            "DOCKERHUB_TOKEN": localregistry.TOKEN,
            "REGISTRY": self.registry,
        }
        if "docker" in step.services:
            return self._call(["bash", "-c", step.script], variables)
        mount = ("--volume", f"{self.folder}:/build", "--workdir", "/build")
        told = [word for name in ("BITBUCKET_BRANCH", "BITBUCKET_COMMIT") for word in ("--env", name)]
        return self._call(["docker", "run", "--rm", *mount, *told, step.image, "bash", "-c", step.script], variables)

    def _call(self, argv: list[str], variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        with inside(self.docker.network):
            return subprocess.run(
                argv, cwd=self.folder, env={**self.env, **variables}, stdin=subprocess.DEVNULL,
                capture_output=True, text=True, timeout=400, check=False,
            )  # fmt: skip

    def answer_of(self, tag: str) -> object:
        """What the image says that is pulled under `tag`, after all that the engine had of it is gone."""
        image = f"{self.registry}/{localregistry.ACCOUNT}/starter"
        present = self.docker.ask("image", "ls", "-q", image).split()
        if present:
            self.docker.ask("image", "rm", "-f", *set(present))
        with inside(self.docker.network):
            subprocess.run(["docker", "pull", "-q", f"{image}:{tag}"], env=self.env, check=True, capture_output=True)
        port = free_port()
        container = self.docker.ask("run", "-d", "--rm", "-p", f"{port}:8000", f"{image}:{tag}").strip()
        try:
            return until(lambda: self._ask(port))
        finally:
            self.docker.ask("rm", "-f", container)

    def _ask(self, port: int) -> object:
        with inside(self.docker.network):
            answer = answers(f"http://127.0.0.1:{port}/")
        return answer.json if answer is not None else None


@pytest.fixture
def bitbucket(docker: DockerTool, tmp_path: Path) -> Iterator[Bitbucket]:
    _give_base(docker, tmp_path)
    # A configuration of its own: the login of a test must not stay.
    config = tmp_path / "config"
    config.mkdir()
    (config / "cli-plugins").symlink_to(Path(docker.env["DOCKER_CONFIG"]) / "cli-plugins")
    env = {**docker.env, "DOCKER_CONFIG": str(config)}
    with contextlib.ExitStack() as stack:
        with inside(docker.network):
            registry = stack.enter_context(localregistry.serving(tmp_path / "registry"))
        yield Bitbucket(docker, copy_stack("starter", tmp_path), env, registry)
    docker.ask("image", "rm", "-f", pythonbase.NAME)


def _give_base(docker: DockerTool, folder: Path) -> None:
    """The base of the Dockerfile and of the steps. Behind a proxy that intercepts TLS, pip needs the certificates of this machine."""
    root = Path(os.environ.get("CAIS_TEST_ROOT", "/var/tmp/cais-tests"))
    pythonbase.ensure(root)
    Cais(root, folder).ok("image", "save", pythonbase.NAME, "-o", str(folder / "base.tar"))
    docker.ask("load", "-i", str(folder / "base.tar"))
    context = folder / "base"
    context.mkdir()
    bundle = os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
    shutil.copy(bundle, context / "bundle.crt")
    recipe = f"FROM {pythonbase.NAME}\nCOPY bundle.crt /etc/ssl/test.crt\nENV PIP_CERT=/etc/ssl/test.crt\n"
    (context / "Dockerfile").write_text(recipe)
    docker.ask("build", "-q", "-t", pythonbase.NAME, str(context))


def test_a_push_to_main_releases_an_image_that_says_what_it_is(bitbucket: Bitbucket) -> None:
    assert bitbucket.push("main", FIRST) == ["Lint", "Build the image", "Release to Docker Hub"]
    assert bitbucket.answer_of(FIRST) == {"commit": FIRST, "branch": "main"}
    assert bitbucket.answer_of("latest") == {"commit": FIRST, "branch": "main"}
    bitbucket.push("main", SECOND)
    assert bitbucket.answer_of("latest") == {"commit": SECOND, "branch": "main"}
    assert bitbucket.answer_of(FIRST) == {"commit": FIRST, "branch": "main"}


def test_a_push_to_another_branch_only_lints(bitbucket: Bitbucket) -> None:
    assert bitbucket.push("feature/x", FIRST) == ["Lint"]
    (lint,) = steps(bitbucket.folder / "bitbucket-pipelines.yml", "feature/x")
    code = bitbucket.folder / "src/main.py"
    code.write_text(code.read_text() + "x=1\n")
    said = bitbucket.run(lint, "feature/x", FIRST)
    assert said.returncode != 0
    assert "E225" in said.stdout
