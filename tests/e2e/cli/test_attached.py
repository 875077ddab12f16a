"""`cais up` without -d and `logs -f`: what is shown while services come and go, and how Ctrl-C ends it."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from tests.e2e.harness import Cais, until

pytestmark = pytest.mark.root

TALKER = 'sh -c "i=0; while true; do i=$$((i+1)); echo line $$i; sleep 0.2; done"'


class Attached:
    """A command that goes on; its lines are collected as they come."""

    def __init__(self, project: Cais, *argv: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cais", *argv],
            cwd=project.folder,
            env=project.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self.lines.append(line.rstrip())

    def has(self, *words: str) -> bool:
        return any(all(word in line for word in words) for line in tuple(self.lines))

    def sees(self, *words: str) -> None:
        until(lambda: self.has(*words))

    def end(self) -> int:
        code = self.process.wait(timeout=20)
        self._reader.join(timeout=20)
        return code


@pytest.fixture
def attach(project: Cais) -> Iterator[list[Attached]]:
    made: list[Attached] = []
    yield made
    for each in made:
        each.process.kill()
        each.end()


def test_up_shows_ends_and_restarts_and_ends_with_the_last_service(
    project: Cais, tiny: str, attach: list[Attached]
) -> None:
    (project.folder / "compose.yaml").write_text(
        f"services:\n  crash:\n    image: {tiny}\n    command: sh -c 'echo dying; exit 3'\n    restart: on-failure:1\n"
        f"  once:\n    image: {tiny}\n    command: echo all done\n"
    )
    attach.append(Attached(project, "up"))
    assert attach[0].end() == 0
    assert attach[0].has("crash-1", "exited with code 3"), attach[0].lines
    assert attach[0].has("once-1", "all done")
    assert attach[0].has("once-1", "exited with code 0")
    assert attach[0].has("crash-1", "restarts in 0.1 s")
    assert sum("dying" in line for line in attach[0].lines) == 2


@pytest.mark.parametrize("verb", [("up",), ("logs", "-f")])
def test_a_restarted_service_is_followed_on(
    project: Cais, tiny: str, attach: list[Attached], verb: tuple[str, ...]
) -> None:
    (project.folder / "compose.yaml").write_text(
        f"services:\n  talk:\n    image: {tiny}\n    init: true\n    command: {TALKER}\n"
    )
    if verb != ("up",):
        project.ok("up", "-d")
    attach.append(Attached(project, *verb))
    attach[0].sees("line 3")
    project.ok("restart", "-t", "0", "talk")
    until(lambda: sum(line.endswith("line 2") for line in tuple(attach[0].lines)) == 2)
    assert attach[0].process.poll() is None
    attach[0].process.send_signal(signal.SIGINT)
    assert attach[0].end() == 130


def test_ctrl_c_stops_in_order_and_shows_the_last_words_and_a_second_one_kills(
    project: Cais, tiny: str, attach: list[Attached]
) -> None:
    (project.folder / "compose.yaml").write_text(
        f"services:\n  stubborn:\n    image: {tiny}\n"
        """    command: sh -c "trap 'echo not yet' TERM; echo here; while true; do sleep 0.1; done"\n"""
    )
    attach.append(Attached(project, "up"))
    attach[0].sees("stubborn-1", "here")
    attach[0].process.send_signal(signal.SIGINT)
    attach[0].sees("Gracefully stopping")
    attach[0].sees("stubborn-1", "not yet")
    assert project.container("stubborn")["State"] == "running"
    attach[0].process.send_signal(signal.SIGINT)
    assert attach[0].end() == 130
    assert project.container("stubborn")["ExitCode"] == 137
