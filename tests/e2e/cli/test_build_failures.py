"""A build that fails must say what it can of why, and keep what the failed step left for a look at it; a build that is made again must say why."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time

import pytest

from tests.e2e.harness import Cais

pytestmark = pytest.mark.root

DEADLINE_S = 60


def write(cais: Cais, **files: str) -> None:
    for name, text in files.items():
        (cais.folder / name).write_text(text, newline="")


def explained(cais: Cais, *words: str) -> list[str]:
    """What --explain says of each step, without times."""
    lines = cais.run("image", "build", "--explain", *words, ".").stdout.splitlines()
    return [re.sub(r" in [0-9.]+ s: ", ": ", re.split(r" {2,}", line)[-1]) for line in lines]


def test_each_step_says_whether_it_was_cached_and_why_not(project: Cais, tiny: str) -> None:
    salt = str(time.time())
    text = f"FROM {tiny}\nARG V=1\nCOPY a b /in/\nRUN echo {salt} $V\nRUN --mount=source=b,target=/b cat /b\n"
    write(project, Dockerfile=text, a=salt, b="b")
    assert explained(project) == ["cached", *["made: made for the first time"] * 3]
    assert explained(project) == ["cached"] * 4
    write(project, a=salt + "2")
    after = "made: a step before it, at line 3, was made"
    assert explained(project) == ["cached", 'made: "a" changed', after, after]
    assert explained(project, "--build-arg", "V=2")[:3] == [
        "cached",
        "cached",
        'made: variable "V" changed from "1" to "2"',
    ]
    write(project, Dockerfile=text.replace("FROM", "# a remark\nFROM").replace("RUN echo", "RUN true\nRUN echo"))
    assert explained(project) == [
        "cached",
        "cached",
        "made: it is new",
        *["made: a step before it, at line 5, was made"] * 2,
    ]
    assert explained(project, "--no-cache")[1:] == ["made: the cache is not used"] * 4


def test_line_ends_of_windows(project: Cais, tiny: str) -> None:
    write(
        project,
        Dockerfile=f"FROM {tiny}\nCOPY run.sh /\nRUN chmod +x /run.sh; /run.sh\n",
        **{"run.sh": "#!/bin/sh\r\necho 1\r\n"},
    )
    result = project.run("image", "build", ".")
    assert result.code == 17
    assert "(CRLF)" in result.stderr
    assert "  | /bin/sh: /run.sh: not found" in result.stderr


def test_no_network(project: Cais, tiny: str) -> None:
    write(project, Dockerfile=f"FROM {tiny}\nRUN --network=none wget http://example.org/\n")
    assert "the step has no network" in project.run("image", "build", ".").stderr


def test_a_shell_in_what_a_failed_step_left(project: Cais, tiny: str) -> None:
    write(
        project,
        token="geheim",
        Dockerfile=f"FROM {tiny}\nENV A=b\nWORKDIR /w\nRUN --mount=type=secret,id=t echo x > left; false\n",
    )
    words = ("image", "build", "--progress", "plain", "--shell-on-error", "--secret", "id=t,src=token", ".")
    code, said = at_a_terminal(project, words, "cat left; echo A=$A; cat /run/secrets/t; pwd; exit 0\n")
    assert code == 17
    for word in ("Dockerfile:4:1: RUN failed with exit code 1", "x\r\n", "A=b\r\n", "geheim", "/w\r\n"):
        assert word in said, said


def at_a_terminal(cais: Cais, words: tuple[str, ...], typed: str) -> tuple[int, str]:
    """Run with a terminal, type something as soon as a shell asks for it; exit code and all that was shown."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-m", "cais", *words], cwd=cais.folder, env=cais.env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)  # fmt: skip
    os.close(theirs)
    shown, sent, deadline = b"", False, time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline and _is_readable(ours):
        try:
            piece = os.read(ours, 4096)
        except OSError:  # the other end is closed (EIO, pty(7))
            break
        shown += piece
        if not sent and b"/w # " in shown:
            os.write(ours, typed.encode())
            sent = True
    os.close(ours)
    return process.wait(10), shown.decode(errors="replace")


def _is_readable(fd: int) -> bool:
    return bool(select.select([fd], [], [], DEADLINE_S)[0])
