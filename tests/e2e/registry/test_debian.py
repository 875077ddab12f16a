"""The command line against a real registry."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.harness import Cais
from tests.e2e.registry.debian import DebianRegistry, debian_registry

pytestmark = pytest.mark.root


@pytest.fixture
def cais(tmp_path: Path) -> Cais:
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    home = {"HOME": str(tmp_path / "home"), "DOCKER_CONFIG": "", "CAIS_REGISTRIES": ""}
    return Cais(tmp_path / "root", tmp_path / "work", home)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[DebianRegistry]:
    with debian_registry(tmp_path / "registry") as running:
        yield running


def make_image(cais: Cais, name: str, size_bytes: int = 3_000_000) -> str:
    """An image of random bytes; its id."""
    folder = cais.folder / re.sub(r"\W", "-", name)
    folder.mkdir()
    (folder / "content").write_bytes(random.Random(name).randbytes(size_bytes))
    (folder / "link").symlink_to("content")
    return cais.ok("image", "import", str(folder), name, "-c", 'CMD ["content"]').stdout.strip()


def digest_of(output: str) -> str:
    found = re.search(r"sha256:[a-f0-9]{64}", output)
    assert found, output
    return found[0]


@pytest.mark.parametrize("compression", ["gzip", "zstd", "none"])
def test_an_image_goes_there_and_comes_back(cais: Cais, registry: DebianRegistry, compression: str) -> None:
    name = f"{registry.host}/app/web:1"
    image_id = make_image(cais, name)
    pushed = cais.ok("image", "push", name, "--compression", compression)
    digest = digest_of(pushed.stdout)
    assert pushed.stdout == f"1: digest: {digest}\n"
    cais.ok("image", "rm", name)
    pulled = cais.ok("image", "pull", name)
    assert pulled.stdout == f"Digest: {digest}\nStatus: Downloaded newer image for {name}\n{name}\n"
    assert json.loads(cais.ok("image", "inspect", name).stdout)[0]["Id"] == image_id
    assert cais.ok("image", "pull", name).stdout.splitlines()[1] == f"Status: Image is up to date for {name}"
    assert "Already exists" in cais.ok("image", "push", name).stderr
