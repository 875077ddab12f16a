"""The five stacks, unchanged, under a real Docker engine with Docker Compose v2, from images that Cais built and saved."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from bench.docker import DockerTool
from bench.netns import inside
from tests.e2e.browser import free_port
from tests.e2e.conftest import copy_stack
from tests.e2e.harness import Answer, Cais, http, post_json, until
from tests.e2e.stacks import pythonbase
from tests.e2e.stacks.gallery import Member
from tests.e2e.stacks.stack import FILES, PORTS

pytestmark = [pytest.mark.root, pytest.mark.docker]


class UnderDocker(NamedTuple):
    """A stack in its folder, and the engine it runs under."""

    docker: DockerTool
    folder: Path
    env: Mapping[str, str]

    def compose(self, *words: str) -> str:
        """`docker compose WORDS`; fails with what it said."""
        with inside(self.docker.network):
            done = subprocess.run(
                ["docker", "compose", *words],
                cwd=self.folder, env={**self.docker.env, **self.env}, stdin=subprocess.DEVNULL,
                capture_output=True, text=True, timeout=300, check=False,
            )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def get(self, port: int, path: str = "/") -> Answer:
        with inside(self.docker.network):
            return http(f"http://127.0.0.1:{port}{path}")

    def post(self, port: int, path: str, value: object) -> Answer:
        with inside(self.docker.network):
            return post_json(f"http://127.0.0.1:{port}{path}", value)

    def services(self) -> dict[str, dict[str, str]]:
        """What `docker compose ps` says of each service."""
        lines = self.compose("ps", "-a", "--format", "json").splitlines()
        return {row["Service"]: row for row in map(json.loads, lines)}

    def main_pid(self, service: str) -> int:
        """Of the service's container, as the host counts."""
        container = self.compose("ps", "-q", service).strip()
        return int(self.docker.ask("inspect", "-f", "{{.State.Pid}}", container))


@pytest.fixture(scope="module")
def shared_root() -> Path:
    """The store of the end-to-end tests, which has the stacks' images already when these have run."""
    root = Path(os.environ.get("CAIS_TEST_ROOT", "/var/tmp/cais-tests"))
    root.mkdir(parents=True, exist_ok=True)
    return root


@pytest.fixture(params=FILES)
def stack(
    request: pytest.FixtureRequest, docker: DockerTool, shared_root: Path, tmp_path: Path
) -> Iterator[UnderDocker]:
    name = request.param
    if name == "starter":
        pythonbase.ensure(shared_root)
    env = {"COMPOSE_FILE": FILES[name], "COMPOSE_PROJECT_NAME": f"{name}docker{os.getpid()}"}
    under = UnderDocker(docker, copy_stack(name, tmp_path), env)
    # Cais only builds here; the default ports are for Docker, in a network namespace of its own.
    cais = Cais(shared_root, under.folder, {**env, **{variable: str(free_port()) for variable in PORTS[name]}})
    try:
        images = images_of(cais)
        archive = tmp_path / "images.tar"
        cais.ok("image", "save", *images, "-o", str(archive), timeout_s=300)
        docker.ask("load", "-i", str(archive))
        archive.unlink()
        # --no-build, --pull never: what runs is what Cais built.
        under.compose("up", "-d", "--wait", "--no-build", "--pull", "never")
        yield under
    finally:
        under.compose("down", "-v", "-t", "0", "--rmi", "local")
        cais.run("down", "-v", "--rmi", "local", "-t", "0")


def images_of(cais: Cais) -> list[str]:
    """All images of the project, in the store: built, or made."""
    cais.ok("create", "--build", timeout_s=600)
    return sorted({container["Image"] for container in cais.containers()})


def test_it_runs_unchanged(stack: UnderDocker) -> None:
    name = stack.folder.name
    services = stack.services()
    assert {(row["State"], row["Health"]) for row in services.values()} == {("running", "healthy")}
    CHECKS[name](stack)
    for service in services:
        status = Path(f"/proc/{stack.main_pid(service)}/status").read_text()
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert fields["NSpid"].split()[-1] == "1"
        assert fields["Uid"].split()[0] != "0", service
    stack.compose("stop", "-t", "10")
    # 0, or what the database's and the servers' own stop signal gives: nobody was killed.
    assert {str(row["ExitCode"]) for row in stack.services().values()} == {"0"}


def check_users(stack: UnderDocker) -> None:
    user = {"id": 1, "name": "Ana"}
    assert stack.post(8080, "/users", user).status == 201
    assert stack.post(8080, "/users", user).status == 409
    assert "Ana" in stack.get(8000).body.decode()
    stack.compose("down")
    stack.compose("up", "-d", "--wait", "--no-build", "--pull", "never")
    assert stack.get(8080, "/users").json == [user]


def check_visitors(stack: UnderDocker) -> None:
    visitor = stack.post(8080, "/api/visitors", {"name": "Bia"})
    assert visitor.status == 201
    assert "Visitantes" in stack.get(8080).body.decode()
    stack.compose("down")
    stack.compose("up", "-d", "--wait", "--no-build", "--pull", "never")
    assert stack.get(8080, "/api/visitors").json == [visitor.json]


def check_starter(stack: UnderDocker) -> None:
    assert stack.get(8000).json == {"commit": "development", "branch": "development"}
    pid = stack.main_pid("app")
    code = stack.folder / "src/main.py"
    code.write_text(code.read_text().replace('"unknown"', '"edited"').replace('"app_commit"', '"nothing"'))
    until(lambda: stack.get(8000).json == {"commit": "edited", "branch": "development"})
    assert stack.main_pid("app") == pid


def check_apis(stack: UnderDocker) -> None:
    backend = {"api": "backend", "status": "ok"}
    assert stack.get(5001).json == {"api": "frontend", "status": "ok", "backend": backend}
    pid = stack.main_pid("api-backend")
    assert stack.get(5002, "/traceback").status == 500
    until(lambda: stack.main_pid("api-backend") not in {0, pid} and is_answering(stack, 5002))


def check_fotogal(stack: UnderDocker) -> None:
    site = "http://127.0.0.1:8088"
    with inside(stack.docker.network):
        member = Member.register(site)
        image = member.publish()
        photo = member.call("GET", image["url"])
        assert http(site + image["url"]).status == 401
    assert (photo.status, photo.headers["Content-Type"]) == (200, "image/png")
    stack.compose("down")
    stack.compose("up", "-d", "--wait", "--no-build", "--pull", "never")
    with inside(stack.docker.network):
        assert member.timeline() == [image["id"]]
        assert member.call("GET", image["url"]).body == photo.body


def is_answering(stack: UnderDocker, port: int) -> bool:
    try:
        return stack.get(port).status == 200
    except OSError:  # not yet
        return False


CHECKS = {
    "users": check_users,
    "visitors": check_visitors,
    "starter": check_starter,
    "apis": check_apis,
    "fotogal": check_fotogal,
}
