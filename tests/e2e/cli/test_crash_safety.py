"""`kill -9` of any process of Cais, at any moment: the next command repairs what it left, and `down` leaves nothing."""

import os
import random
import re
import signal
import sys
import time

import pytest

from tests.e2e import leaks
from tests.e2e.harness import Cais, answers, http, until

pytestmark = pytest.mark.root

STACK = """
services:
  web:
    image: {image}
    init: true
    command: ["sh", "-c", "echo up > /tmp/index.html; exec httpd -f -p 8000 -h /tmp"]
    ports: ["127.0.0.1:{port}:8000"]
    restart: unless-stopped
    depends_on:
      db:
        condition: service_healthy
    volumes: ["data:/data"]
  db:
    image: {image}
    init: true
    restart: on-failure:5
    healthcheck:
      test: ["CMD", "true"]
      interval: 5s
  once:
    image: {image}
    command: ["sh", "-c", "sleep 1; exit 42"]
volumes:
  data:
"""


@pytest.fixture
def stack(project: Cais, tiny: str) -> Cais:
    from tests.e2e.browser import free_port

    (project.folder / "compose.yaml").write_text(STACK.format(image=tiny, port=free_port()))
    return project


def url(stack: Cais) -> str:
    found = re.search(r"127\.0\.0\.1:\d+", (stack.folder / "compose.yaml").read_text())
    assert found
    return f"http://{found[0]}/"


def supervisor_pid(stack: Cais) -> int:
    """The pid of this project's supervisor, by its command line and root; 0 when none lives."""
    from pathlib import Path

    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            environment = (entry / "environ").read_bytes()
        except OSError:  # it ended meanwhile
            continue
        if (
            b"cais.cli.supervise" in words
            and stack.folder.name.encode() in words
            and f"CAIS_ROOT={stack.root}".encode() in environment
        ):
            return int(entry.name)
    return 0


def test_services_outlive_a_killed_supervisor_and_are_adopted(stack: Cais) -> None:
    stack.ok("up", "-d", "--wait", "db", "web")
    stack.ok("up", "-d", "once")
    before = {c["Service"]: c["Pid"] for c in stack.containers() if c["Service"] != "once"}
    first = supervisor_pid(stack)
    os.kill(first, signal.SIGKILL)
    assert http(url(stack)).body == b"up\n"
    until(lambda: stack.container("once")["State"] == "exited")
    assert stack.container("once")["ExitCode"] == 42
    stack.ok("up", "-d", "web")
    second = until(lambda: supervisor_pid(stack))
    assert second != first
    assert {c["Service"]: c["Pid"] for c in stack.containers() if c["Service"] != "once"} == before
    os.kill(before["web"], signal.SIGKILL)
    until(lambda: stack.container("web")["Pid"] not in {0, before["web"]})
    assert until(lambda: answers(url(stack)))


def test_a_service_that_died_unwatched_is_restarted_by_the_next_command(stack: Cais) -> None:
    stack.ok("up", "-d", "--wait", "web")
    os.kill(supervisor_pid(stack), signal.SIGKILL)
    old = stack.container("web")["Pid"]
    os.kill(old, signal.SIGKILL)
    stack.ok("up", "-d", "web")
    until(lambda: stack.container("web")["Pid"] not in {0, old})
    assert until(lambda: answers(url(stack)))


def test_up_killed_at_random_moments_is_repaired_by_up(stack: Cais) -> None:
    """Bounded chaos: ten rounds, the seed printed, so that a failure can be had again."""
    seed = int(os.environ.get("CAIS_CHAOS_SEED", random.randrange(10**6)))
    sys.stdout.write(f"CAIS_CHAOS_SEED={seed}\n")
    dice = random.Random(seed)
    before = leaks.state(stack)
    for _ in range(10):
        process = stack.start("up", "-d", "--wait", "web")
        time.sleep(dice.uniform(0.05, 0.6))
        process.kill()
        process.wait()
        if dice.random() < 0.5 and (pid := supervisor_pid(stack)):
            os.kill(pid, signal.SIGKILL)
        if dice.random() < 0.4:
            stack.ok("down", "-t", "0")
    stack.ok("up", "-d", "--wait", "web")
    assert until(lambda: answers(url(stack)))
    stack.ok("down", "-v", "-t", "0")
    leaks.check_same(stack, before)
    assert stack.containers() == []


def test_a_build_killed_in_the_middle_is_repaired_by_running_it_again(project: Cais, tiny: str) -> None:
    (project.folder / "compose.yaml").write_text("services:\n  web:\n    build: .\n")
    (project.folder / "Dockerfile").write_text(
        f"FROM {tiny}\nRUN echo one > /one\nRUN sleep 3; echo two > /two\nRUN cat /one /two\n"
    )
    before = leaks.state(project)
    process = project.start("build")
    time.sleep(1.5)
    process.kill()
    process.wait()
    assert "two" in project.ok("build").stderr
    leaks.check_same(project, before)
