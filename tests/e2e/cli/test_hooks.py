"""Hooks as a user writes them: in real containers."""

from __future__ import annotations

import pytest

from tests.e2e.harness import Cais

pytestmark = pytest.mark.root

HOOKS = """
services:
  a:
    image: {image}
    command: [sh, -c, 'trap "exit 0" TERM; while :; do sleep 0.05; done']
    environment: {{KEPT: service, GONE: service, OTHER: service}}
    user: app
    working_dir: /tmp
    volumes: ["./out:/out"]
    post_start:
      - command: [sh, -c, 'echo "$$KEPT,$$GONE,$$OTHER,$$(id -u),$$PWD" >/out/first']
        user: root
        working_dir: /out
        environment: [OTHER=hook, GONE]
      - command: sh -c 'id -u; grep CapEff /proc/self/status; exit $${{FAIL:-0}}'
        environment: {{FAIL: "{post}"}}
    pre_stop:
      - command: [sh, -c, 'echo stopping >>/out/stops; echo why >&2; exit {pre}']
        privileged: true
        user: root
  b:
    image: {image}
    init: true
    depends_on: [a]
"""


def write(project: Cais, image: str, *, post: int = 0, pre: int = 0) -> None:
    (project.folder / "compose.yaml").write_text(HOOKS.format(image=image, post=post, pre=pre))


def states(project: Cais) -> dict[str, str]:
    return {one["Service"]: one["State"] for one in project.containers()}


def stops(project: Cais) -> int:
    path = project.folder / "out/stops"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_what_a_hook_finds(project: Cais, tiny: str) -> None:
    write(project, tiny)
    project.ok("up", "-d")
    assert (project.folder / "out/first").read_text() == "service,,hook,0,/out\n"
    project.ok("restart", "a")
    assert stops(project) == 1
    project.ok("stop")
    assert stops(project) == 2
    project.ok("start")
    project.ok("down")
    assert stops(project) == 3


def test_a_failed_post_start(project: Cais, tiny: str) -> None:
    write(project, tiny, post=7)
    up = project.run("up", "-d")
    assert up.code == 1, up
    assert "post_start hook of" in up.stderr
    assert "ended with exit code 7" in up.stderr
    assert "  1000" in up.stderr.splitlines()[-3:][0] + up.stderr
    assert states(project) == {"a": "running", "b": "created"}


def test_a_failed_pre_stop(project: Cais, tiny: str) -> None:
    write(project, tiny, pre=5)
    project.ok("up", "-d")
    for words in (("stop",), ("down",), ("restart", "a"), ("rm", "-f", "-s", "a")):
        done = project.run(*words)
        assert done.code == 1, done
        assert "ended with exit code 5" in done.stderr
        assert "why" in done.stderr
        assert states(project)["a"] == "running"
    # Corrected in the file, it does not stand in its own way.
    write(project, tiny)
    project.ok("up", "-d")
    project.ok("down")


def test_killed_without_its_hook(project: Cais, tiny: str) -> None:
    write(project, tiny, pre=5)
    project.ok("up", "-d")
    project.ok("kill", "a")
    project.ok("down")
    assert stops(project) == 0
