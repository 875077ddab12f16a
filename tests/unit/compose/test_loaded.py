"""A project as `config` can show it before all passes: with its variables, its relative paths, its env files; and with less of it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.compose.conftest import Loader

TEXT = """
services:
  a:
    image: x:${TAG}
    ports: ["${PORT}:80", {target: "${PORT}"}]
    volumes: ["${DATA}:/data", "./${TAG}:/t", "vol:/v"]
    command: run ${TAG} $$x
    cpus: ${CPUS}
    stop_grace_period: ${GRACE}
    devices: ["/dev/${TAG}:/dev/x"]
    build: {context: "${DIR}/b", args: [A, "B=${TAG}"]}
    env_file: e
volumes: {vol: }
"""


def test_variables_stay(loader: Loader) -> None:
    a = loader.rendered(TEXT, keep_variables=True)["services"]["a"]
    assert a["image"] == "x:${TAG}"
    assert a["ports"][0] == "${PORT}:80"
    assert a["ports"][1]["target"] == "${PORT}"
    assert a["volumes"][0] == "${DATA}:/data"
    assert a["volumes"][1]["source"] == "/p/${TAG}"
    assert a["command"] == "run ${TAG} $$x"
    assert (a["cpus"], a["stop_grace_period"]) == ("${CPUS}", "${GRACE}")
    assert a["build"]["context"] == "${DIR}/b"
    assert a["build"]["args"] == {"A": None, "B": "${TAG}"}


def test_paths_stay(loader: Loader) -> None:
    text = "include: [sub/inc.yaml]\nservices: {a: {image: x, build: ./b, volumes: ['~/h:/h', './v:/v', '/abs:/abs']}}"
    files = {"sub/inc.yaml": "services: {i: {image: x, build: ./c, volumes: ['../d:/d']}}"}
    services = loader.rendered(text, files=files, keep_paths=True)["services"]
    assert services["a"]["build"]["context"] == "./b"
    assert [mount["source"] for mount in services["a"]["volumes"]] == ["~/h", "./v", "/abs"]
    assert services["i"]["build"]["context"] == "sub/c"
    assert services["i"]["volumes"][0]["source"] == "d"


def test_env_files_stay_unread(loader: Loader) -> None:
    loaded = loader.loaded("services: {a: {image: x, env_file: gone}}", keep_env_files=True)
    assert loaded.name == "p"


def test_defaults_are_left_out(loader: Loader) -> None:
    tree = loader.rendered("services: {a: {image: x, links: [b]}, b: {build: .}}", leave_defaults=True)
    assert "networks" not in tree
    assert "depends_on" not in tree["services"]["a"]
    assert "dockerfile" not in tree["services"]["b"]["build"]


@pytest.mark.parametrize(
    ("how", "networks", "services"),
    [
        ({}, ["default", "used"], ["a", "b"]),
        ({"keep_unused": True}, ["default", "unused", "used"], ["a", "b"]),
        ({"services": ["a"], "only_named": True}, ["used"], ["a"]),
    ],
)
def test_what_is_kept(loader: Loader, how: dict[str, Any], networks: list[str], services: list[str]) -> None:
    text = "services: {a: {image: x, networks: [used]}, b: {image: x}}\nnetworks: {used: , unused: }"
    tree = loader.rendered(text, **how)
    assert (sorted(tree["networks"]), sorted(tree["services"])) == (networks, services)


def test_what_is_inconsistent_can_be_shown(loader: Loader) -> None:
    assert loader.rendered("services: {a: {image: x, depends_on: [gone]}}", skip_consistency=True)["services"]["a"]


def test_a_reset_beside_extends_reaches_the_first_file(loader: Loader) -> None:
    over = "services:\n  base: {image: y, cap_add: [A]}\n  a: {extends: base, ports: !reset [], user: !override v}\n"
    a = loader.rendered("services: {a: {image: x, ports: ['1:1'], user: u}}", over)["services"]["a"]
    assert (a.get("ports"), a["user"], a["cap_add"]) == (None, "v", ["A"])
