"""A command line has the same exit code, and where programs read it the same standard output, under Cais and under Docker Compose."""

from __future__ import annotations

import json
import re

import pytest
from tests.conformance.pair import Pair

pytestmark = [pytest.mark.root, pytest.mark.docker]

COMPOSE = """
name: same
services:
  web:
    image: {image}
    hostname: web
    command: ["httpd", "-f", "-p", "8000", "-h", "/tmp"]
    ports: ["127.0.0.1:28765:8000", "127.0.0.1:28766:8001/udp"]
    healthcheck:
      test: ["CMD", "true"]
      interval: 1s
    labels: {{team: harbour, zone: "7"}}
    depends_on: [talker]
  talker:
    image: {image}
    command: ["sh", "-c", "echo out; echo err >&2; printf unfinished; exec sleep infinity"]
    scale: 2
  failing:
    image: {image}
    command: ["sh", "-c", "exit 9"]
    profiles: [bad]
  sick:
    image: {image}
    profiles: [bad]
    stop_grace_period: 0s
    healthcheck:
      test: ["CMD", "false"]
      interval: 100ms
      retries: 1
volumes:
  kept:
networks:
  default:
    labels: {{a: b}}
"""

SAME_OUTPUT: tuple[tuple[str, ...], ...] = (
    ("ps", "--services"),
    ("ps", "-a", "--services", "--status", "exited"),
    ("port", "web", "8000"),
    ("port", "--protocol", "udp", "web", "8001"),
    ("config", "--services"),
    ("config", "--volumes"),
    ("--profile", "bad", "config", "--services"),
    ("config", "--profiles"),
    ("config", "--images"),
    ("config", "-q"),
    ("exec", "-T", "web", "sh", "-c", "exit 7"),
    ("exec", "-T", "-e", "A=b", "-w", "/tmp", "-u", "1000", "web", "sh", "-c", "echo $A; pwd; id -u"),
    ("exec", "-T", "--index", "2", "talker", "echo", "second"),
    ("run", "--rm", "-T", "talker", "sh", "-c", "echo one-off; exit 5"),
    ("run", "--rm", "-T", "-e", "X=y", "-u", "app", "--entrypoint", "printenv", "talker", "X", "HOME", "A_FROM_IMAGE"),
    ("run", "--rm", "-T", "--no-deps", "web", "hostname"),
)

SAME_CODE: tuple[tuple[str, ...], ...] = (
    ("ps", "nobody"),
    ("logs", "nobody"),
    ("exec", "-T", "nobody", "true"),
    ("exec", "-T", "web", "no-such-program"),
    ("exec", "-T", "web", "/etc/passwd"),
    ("exec", "-T", "--index", "9", "talker", "true"),
    ("up", "-d", "nobody"),
    ("stop", "nobody"),
    ("restart", "nobody"),
    ("kill", "-s", "NOSUCH", "web"),
    ("up", "-d", "--wait", "--wait-timeout", "20", "failing"),
    ("up", "-d", "--wait", "--wait-timeout", "20", "sick"),
    ("-f", "missing.yaml", "ps"),
    ("no-such-verb",),
    ("up", "--no-such-flag"),
    ("--profile", "bad", "rm", "-f", "-s", "failing", "sick"),
)
# A command whose answers differ, and why that is right. One that no longer differs fails.
_NOT_FOUND = "Cais has an exit code of its own for what is not there (14); Docker Compose says 1 to everything"
ACCEPTED: dict[tuple[str, ...], str] = {
    ("exec", "-T", "web", "no-such-program"): "127, as shells and `docker run` say it; Compose 2.26 says 126",
    **{words: _NOT_FOUND for words in SAME_CODE if "nobody" in words},
}


@pytest.fixture(scope="module")
def up(pair: Pair) -> Pair:
    pair.write(COMPOSE.format(image=pair.image))
    began = pair.run("up", "-d", "--wait")
    assert (began.cais.code, began.docker.code) == (0, 0), began
    return pair


@pytest.mark.parametrize("words", SAME_OUTPUT, ids=" ".join)
def test_the_same_output(up: Pair, words: tuple[str, ...]) -> None:
    answers = up.run(*words)
    ours, theirs = ((said.code, sorted(filter(None, said.stdout.splitlines()))) for said in answers)
    assert (ours != theirs) == (words in ACCEPTED), f"{ACCEPTED.get(words, '')}\n{answers}"


@pytest.mark.parametrize("words", SAME_CODE, ids=" ".join)
def test_the_same_exit_code(up: Pair, words: tuple[str, ...]) -> None:
    answers = up.run(*words)
    assert (answers.cais.code != answers.docker.code) == (words in ACCEPTED), f"{ACCEPTED.get(words, '')}\n{answers}"


def test_ps_tells_programs_the_same(up: Pair) -> None:
    answers = up.run("ps", "--format", "json")
    keys = ("Name", "Service", "State", "Health", "ExitCode", "Project", "Image", "Publishers")
    ours, theirs = (
        sorted(
            json.dumps({key: entry.get(key) or None for key in keys}, sort_keys=True)
            for entry in map(json.loads, said.stdout.splitlines())
        )
        for said in answers
    )
    assert [line.replace('"…', "") for line in ours] == theirs


def test_labels_are_docker_compose_s(up: Pair) -> None:
    ours = {
        entry["Name"]: dict(pair.split("=", 1) for pair in entry["Labels"].split(","))
        for entry in map(json.loads, up.run("ps", "--format", "json").cais.stdout.splitlines())
    }
    # The first three tell of the run and of the program, not of the project; the last is the image's, which Cais keeps with the image.
    own = {"com.docker.compose.version", "com.docker.compose.config-hash", "com.docker.compose.image", "from"}
    for name, labels in ours.items():
        theirs = json.loads(up.docker.ask("inspect", "-f", "{{json .Config.Labels}}", name))
        assert {k: v for k, v in labels.items() if k not in own} == {k: v for k, v in theirs.items() if k not in own}


@pytest.mark.parametrize("flags", [(), ("--no-log-prefix",)], ids=str)
def test_logs(up: Pair, flags: tuple[str, ...]) -> None:
    answers = up.run("logs", "--no-color", *flags, "talker")
    # Compose clears the line even where there is no terminal.
    ours, theirs = (
        sorted(re.sub(r" +\|", " |", line.removeprefix("\x1b[2K")) for line in said.stdout.splitlines())
        for said in answers
    )
    assert ours == theirs
