"""Hooks as a user writes them: in real containers."""

from __future__ import annotations

import pytest

from tests.e2e.harness import Cais, until

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


STEPS = """
services:
  db: {{image: {image}, init: true}}
  web:
    image: {image}
    command: [sh, -c, 'cat /data/steps; exec sleep infinity']
    init: true
    user: app
    environment: {{WHO: web}}
    volumes: ["data:/data"]
    depends_on: [db]
    pre_start:
      - command: sh -c 'chown app /data; id -u >/data/steps; chown app /data/steps'
        user: root
      - command: sh -c 'echo "$$WHO $$MORE $$(nslookup db 127.0.0.11 >/dev/null && echo sees db)" >>/data/steps; exit {code}'
        environment: [MORE=step]
volumes: {{data: {{}}}}
"""


def steps(project: Cais) -> str:
    return project.ok("logs", "--no-log-prefix", "web").stdout


def test_steps_before_the_start(project: Cais, tiny: str) -> None:
    (project.folder / "compose.yaml").write_text(STEPS.format(image=tiny, code=0))
    project.ok("up", "-d")
    assert until(lambda: steps(project)) == "0\nweb step sees db\n"
    assert states(project) == {"db": "running", "web": "running"}
    assert "pre_start" not in project.ok("ps", "-a").stdout
    # They have been run: neither again, nor for a replica more.
    project.ok("restart", "web")
    again = project.ok("up", "-d", "--scale", "web=2")
    assert "pre_start" not in again.stderr
    # For other containers they are.
    assert "pre_start" in project.ok("up", "-d", "--force-recreate", "web").stderr


def test_a_step_that_fails(project: Cais, tiny: str) -> None:
    (project.folder / "compose.yaml").write_text(STEPS.format(image=tiny, code=7))
    failed = project.run("up", "-d")
    assert failed.code == 1, failed
    assert 'pre_start step 2 of service "web" exited with code 7' in failed.stderr
    assert {name: state for name, state in states(project).items() if name == "db"} == {"db": "running"}
    web = next(one for one in project.containers() if one["Name"].endswith("-web-1"))
    assert web["State"] == "created"
    assert any(one["Name"].endswith("-web-pre_start-2") for one in project.containers())
    (project.folder / "compose.yaml").write_text(STEPS.format(image=tiny, code=0))
    project.ok("up", "-d")
    assert until(lambda: steps(project)) == "0\nweb step sees db\n"
    assert not any("pre_start" in one["Name"] for one in project.containers())
    project.ok("down", "-v", "-t", "0")


def test_what_a_step_cannot_say(project: Cais, tiny: str) -> None:
    text = f"services: {{a: {{image: {tiny}, pre_start: [{{command: x, mem_limit: 1g, per_replica: true}}]}}}}\n"
    (project.folder / "compose.yaml").write_text(text)
    refused = project.run("up", "-d")
    assert refused.code == 15
    assert '"pre_start.mem_limit" of service "a" is not supported' in refused.stderr
    assert '"pre_start.per_replica" of service "a" is not supported' in refused.stderr
