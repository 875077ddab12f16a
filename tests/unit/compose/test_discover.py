from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.unit.compose.conftest import Files

from cais.compose.discover import Discovery, Request, discover
from cais.errors import NotFoundError, UsageError


def find(there: Mapping[str, str], env: Mapping[str, str] | None = None, cwd: str = "/p", **options: Any) -> Discovery:
    return discover(Request(cwd=cwd, env=env or {}, **options), Files(there))


def shown(found: Discovery) -> list[str]:
    return [source.shown for source in found.sources]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["compose.yaml", "compose.yml", "docker-compose.yml"], ["compose.yaml"]),
        (["docker-compose.yaml", "docker-compose.yml"], ["docker-compose.yml"]),
        (["compose.yml", "compose.override.yaml"], ["compose.yml", "compose.override.yaml"]),
        (["docker-compose.yml", "docker-compose.override.yml"], ["docker-compose.yml", "docker-compose.override.yml"]),
    ],
)
def test_default_files(files: list[str], expected: list[str]) -> None:
    assert shown(find(dict.fromkeys(files, ""))) == expected


def test_folders_above_are_searched() -> None:
    found = find({"compose.yaml": "", ".env": "A=1"}, cwd="/p/src/deep")
    assert (shown(found), found.directory, dict(found.env)) == (["../../compose.yaml"], "/p", {"A": "1"})


def test_nothing_found() -> None:
    with pytest.raises(NotFoundError, match='no Compose file in "/q" or a folder above it'):
        find({}, cwd="/q")


def test_files_named() -> None:
    found = find({}, files=("sub/a.yaml", "b.yaml"), cwd="/p")
    assert (shown(found), found.directory) == (["sub/a.yaml", "b.yaml"], "/p/sub")
    assert find({}, files=("a.yaml",), project_directory="other").directory == "/p/other"
    standard_input = find({}, files=("-",), stdin="services: {}")
    assert (standard_input.sources[0].text, standard_input.directory) == ("services: {}", "/p")


def test_files_named_by_the_environment() -> None:
    assert shown(find({}, {"COMPOSE_FILE": "a.yaml:b.yaml"})) == ["a.yaml", "b.yaml"]
    assert shown(find({}, {"COMPOSE_FILE": "a.yaml,b.yaml", "COMPOSE_PATH_SEPARATOR": ","})) == ["a.yaml", "b.yaml"]
    assert shown(find({".env": "COMPOSE_FILE=c.yaml"})) == ["c.yaml"]


def test_env_files() -> None:
    files = {"compose.yaml": "", ".env": "A=file\nB=file\nC=${A}", "x.env": "B=x", "y.env": "D=${B}y"}
    assert dict(find(files, {"A": "process"}).env) == {"A": "process", "B": "file", "C": "process"}
    assert dict(find(files, env_files=("x.env", "y.env")).env) == {"B": "x", "D": "xy"}
    assert "B" not in find(files, {"COMPOSE_DISABLE_ENV_FILE": "true"}).env
    with pytest.raises(NotFoundError, match='the env file "no\\.env" does not exist'):
        find(files, env_files=("no.env",))


def test_name_and_profiles() -> None:
    files = {"compose.yaml": "", ".env": "COMPOSE_PROJECT_NAME=from-env\nCOMPOSE_PROFILES=a, b"}
    assert (find(files).name, find(files).profiles) == ("from-env", ("a", "b"))
    assert find(files, name="given", profiles=("c",)).profiles == ("c",)
    assert find({"compose.yaml": ""}).name is None
    with pytest.raises(UsageError, match='"Not Good" is not a project name'):
        find(files, name="Not Good")
