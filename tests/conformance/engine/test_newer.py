"""What Debian's present Docker does not know yet, beside a newer one:

    CAIS_DOCKER_SUITE=forky CAIS_DOCKER_HOME=/var/tmp/cais-docker-forky ./test tests/conformance/engine/test_newer.py

With another engine the tests are skipped: they say which version it is.
"""

from __future__ import annotations

import pytest
from bench.docker import DockerTool
from tests.conformance.engine.cases import IMAGE
from tests.conformance.engine.sides import Side
from tests.conformance.engine.test_life import both, compose, containers, logs
from tests.e2e.harness import until

pytestmark = [pytest.mark.root, pytest.mark.docker]

NEEDED = (2, 36)
"""The first Docker Compose that has all that is asked for here."""

SLEEP = "command: [sh, -c, 'trap \"exit 0\" TERM; while :; do sleep 0.05; done']"


@pytest.fixture(autouse=True)
def _new_enough(docker: DockerTool) -> None:
    version = docker.ask("compose", "version", "--short").strip().lstrip("v")
    if tuple(int(part) for part in version.split(".")[:2]) < NEEDED:
        pytest.skip(f"Docker Compose {version} is older than {NEEDED[0]}.{NEEDED[1]}")


def states(side: Side) -> dict[str, object]:
    return {name: one["State"] for name, one in containers(side).items()}


HOOKED = f"""{SLEEP}
user: app
working_dir: /tmp
environment: {{KEPT: service, OTHER: service}}
volumes: ["./out:/out"]
post_start:
  - command: [sh, -c, 'echo "$$KEPT $$OTHER $$(id -u) $$PWD" >>/out/said']
    user: root
    working_dir: /out
    environment: [OTHER=hook]
  - command: [sh, -c, 'exit {{post}}']
  - command: [sh, -c, 'echo more >>/out/said']
    user: root
pre_stop:
  - command: [sh, -c, 'grep CapEff /proc/self/status >>/out/said; exit {{pre}}']
    user: root
    privileged: true
"""


def hooked(post: int = 0, pre: int = 0) -> str:
    return compose(
        {
            "a": HOOKED.replace("{post}", str(post)).replace("{pre}", str(pre)),
            "b": SLEEP + "\ndepends_on: [a]",
        }
    )


def said(side: Side) -> list[str]:
    return (side.folder / "out/said").read_text().splitlines()


def test_hooks(sides: tuple[Side, Side]) -> None:
    def steps(side: Side) -> dict[str, object]:
        codes = [side.run(*words).code for words in (("up", "-d"), ("restart", "a"), ("stop",), ("start",))]
        return {"codes": codes, "states": states(side), "said": said(side), "down": side.run("down").code}

    both(sides, hooked(), steps)


def test_hooks_that_fail(sides: tuple[Side, Side]) -> None:
    def post(side: Side) -> dict[str, object]:
        return {"failed": side.run("up", "-d").code != 0, "states": states(side), "said": said(side)}

    def pre(side: Side) -> dict[str, object]:
        up = side.run("up", "-d").code
        stops = [side.run(*words).code != 0 for words in (("stop", "a"), ("restart", "a"), ("down",))]
        found = {"up": up, "failed": stops, "a": states(side)["a"], "said": said(side)}
        side.run("kill")
        return found

    both(sides, hooked(post=3), post)
    both(sides, hooked(pre=3), pre)


NETWORKS = "networks: {front: {}, back: {}, six: {enable_ipv6: true}}\n"
INTERFACES = """networks:
  front: {interface_name: first0}
  back: {interface_name: second0, gw_priority: 5}
command:
  - sh
  - -c
  - ip -o link | awk '{print $$2}' | cut -d@ -f1 | sort; ip route | awk '/default/ {print $$1, $$4, $$5}'
"""
SIX = """networks: [six]
command: [sh, -c, 'ip -6 -o address | grep -c "inet6 fd.*/64 scope global"; ip -6 route | grep -c "^default via fd"']
"""


def test_interfaces(sides: tuple[Side, Side]) -> None:
    def steps(side: Side) -> dict[str, object]:
        assert side.run("up", "-d").code == 0
        until(lambda: set(states(side).values()) == {"exited"})
        return {name: logs(side, name) for name in ("named", "six")}

    both(sides, compose({"named": INTERFACES, "six": SIX}, NETWORKS), steps)


MOUNTS = {
    "whole": f"volumes: [{{type: image, source: '{IMAGE}', target: /other}}]\n"
    "command: [sh, -c, 'ls /other/data; touch /other/new || echo closed']",
    "part": f"volumes: [{{type: image, source: '{IMAGE}', target: /other, image: {{subpath: data}}}}]\n"
    "command: [ls, /other]",
    "maker": "volumes: ['shared:/shared']\ncommand: [sh, -c, 'mkdir -p /shared/a/b; echo here >/shared/a/b/file']",
    "taker": "volumes: [{type: volume, source: shared, target: /taken, volume: {subpath: a/b}}]\n"
    "command: [cat, /taken/file]\ndepends_on: {maker: {condition: service_completed_successfully}}",
}


def test_mounts(sides: tuple[Side, Side]) -> None:
    def steps(side: Side) -> dict[str, object]:
        assert side.run("up", "-d").code == 0
        until(lambda: set(states(side).values()) == {"exited"})
        return {name: logs(side, name) for name in MOUNTS}

    both(sides, compose(MOUNTS, "volumes: {shared: {}}\n"), steps)
