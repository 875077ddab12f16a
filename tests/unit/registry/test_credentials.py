from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from cais.errors import InvalidInput, MissingTool
from cais.registry.credentials import Credentials, config_path, find_credentials


def write(folder: Path, config: object) -> str:
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    return str(path)


def packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("registry", "key"),
    [
        ("docker.io", "https://index.docker.io/v1/"),
        ("docker.io", "docker.io"),
        ("ghcr.io", "ghcr.io"),
        ("localhost:5000", "http://localhost:5000".removeprefix("http://")),
        ("ghcr.io", "https://ghcr.io"),
    ],
)
def test_found_under_the_names_docker_uses(tmp_path: Path, registry: str, key: str) -> None:
    path = write(tmp_path, {"auths": {key: {"auth": packed("me:se:cret")}, "other.io": {"auth": packed("x:y")}}})
    assert find_credentials(registry, path) == Credentials(username="me", password="se:cret")


def test_none_without_file_or_entry(tmp_path: Path) -> None:
    assert find_credentials("ghcr.io", str(tmp_path / "none")) is None
    assert find_credentials("ghcr.io", write(tmp_path, {"auths": {"ghcr.io": {}}, "currentContext": "x"})) is None


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(InvalidInput, match=r"config\.json.*broken"):
        find_credentials("ghcr.io", str(tmp_path / "config.json"))
    with pytest.raises(InvalidInput, match="not base64"):
        find_credentials("ghcr.io", write(tmp_path, {"auths": {"ghcr.io": {"auth": "*"}}}))


def test_a_missing_helper_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingTool, match="docker-credential-nowhere"):
        find_credentials("ghcr.io", write(tmp_path, {"credsStore": "nowhere"}))
    with pytest.raises(MissingTool, match="no valid name"):
        find_credentials("ghcr.io", write(tmp_path, {"credHelpers": {"ghcr.io": "../../tmp/x"}}))


def test_secrets_do_not_print() -> None:
    assert "hidden" not in repr(Credentials(username="me", password="hidden"))


def test_where_the_file_is() -> None:
    assert config_path({"HOME": "/home/a"}) == "/home/a/.docker/config.json"
    assert config_path({"HOME": "/home/a", "DOCKER_CONFIG": "/c"}) == "/c/config.json"
