"""Cais works on a machine where a Docker engine runs, which closes forwarding to all but its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.docker import DockerTool
from tests.conformance.engine.cases import IMAGE
from tests.conformance.engine.sides import make_image
from tests.e2e.harness import CHECKOUT, Cais, Result, until

pytestmark = [pytest.mark.root, pytest.mark.docker]

COMPOSE = f"""
services:
  web:
    image: {IMAGE}
    command: [sh, -c, 'echo page >/www/page; exec httpd -f -p 8000 -h /www']
    init: true
    ports: ["28890:8000"]
  asker:
    image: {IMAGE}
    command: [sleep, infinity]
    init: true
"""


class CaisBeside(Cais):
    """Cais in the network namespace of the engine."""

    network = ""

    def run(self, *argv: str, timeout_s: float = 300, **_: object) -> Result:
        command = ["nsenter", f"--net={self.network}", "--", sys.executable, "-m", "cais", *argv]
        done = subprocess.run(
            command, cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
        )
        return Result(argv, done.returncode, done.stdout, done.stderr, 0.0)


@pytest.fixture
def beside(docker: DockerTool, tmp_path: Path) -> Iterator[CaisBeside]:
    (tmp_path / "project").mkdir()
    cais = CaisBeside(tmp_path / "root", tmp_path / "project", {"PYTHONPATH": str(CHECKOUT / "src")})
    cais.network = docker.network
    make_image(cais, tmp_path)
    (cais.folder / "compose.yaml").write_text(COMPOSE)
    # A network of Docker's own: without one it has nothing to close forwarding for.
    docker.ask("network", "create", "cais-conformance-beside")
    yield cais
    cais.run("down", "-v", "-t", "0")
    docker.ask("network", "rm", "cais-conformance-beside")


def test_names_ports_and_the_world_are_reached(beside: CaisBeside, docker: DockerTool) -> None:
    def rules() -> str:
        return subprocess.run(
            ["nsenter", f"--net={docker.network}", "--", "iptables", "-S"], capture_output=True, text=True, check=True
        ).stdout

    assert "-P FORWARD DROP" in rules()
    assert "FORWARD policy is DROP" in beside.ok("doctor").stdout
    beside.ok("up", "-d")
    asked = ("exec", "-T", "asker", "timeout", "3", "wget", "-q", "-O", "-", "http://web:8000/page")
    assert until(lambda: beside.run(*asked).stdout) == "page\n"
    published = ["nsenter", f"--net={docker.network}", "--", "busybox", "wget", "-q", "-O", "-"]
    host = subprocess.run(
        ["nsenter", f"--net={docker.network}", "--", "ip", "-4", "-o", "addr", "show", "eth0"],
        capture_output=True,
        text=True,
    ).stdout.split()
    for address in ("127.0.0.1", host[3].partition("/")[0]):
        answer = subprocess.run([*published, f"http://{address}:28890/page"], capture_output=True, text=True)
        assert answer.stdout == "page\n", address
    _reaches_outside(beside, host)
    beside.ok("down", "-t", "0")
    assert "cais-" not in rules()


def _reaches_outside(beside: CaisBeside, host: list[str]) -> None:
    """The other end of the engine's uplink is this machine: outside, as seen from there."""
    outside = host[3].partition("/")[0].rpartition(".")
    address = f"{outside[0]}.{int(outside[2]) - 1}"
    said = beside.run("exec", "-T", "asker", "ping", "-c", "1", "-W", "2", address)
    assert said.code == 0, said
