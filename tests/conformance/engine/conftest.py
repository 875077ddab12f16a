"""One image on both sides, one project each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.docker import DockerTool
from tests.conformance.engine.cases import IMAGE
from tests.conformance.engine.sides import CaisSide, DockerSide, Side, make_image
from tests.e2e.harness import Cais


@pytest.fixture(scope="session")
def facts_image(cais_root: Path, docker: DockerTool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The image of facts.sh, saved by Cais and loaded by Docker."""
    folder = tmp_path_factory.mktemp("image")
    cais = Cais(cais_root, folder)
    make_image(cais, folder)
    cais.ok("image", "save", IMAGE, "-o", str(folder / "image.tar"))
    docker.ask("load", "-i", str(folder / "image.tar"))
    yield IMAGE
    cais.run("image", "rm", "-f", IMAGE)
    docker.ask("image", "rm", "-f", IMAGE)


@pytest.fixture(scope="module")
def sides(
    cais_root: Path, docker: DockerTool, facts_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Side, Side]]:
    """Both sides with an empty folder each; what came up in them is taken down."""
    folder = tmp_path_factory.mktemp("sides")
    both = (CaisSide(cais_root, folder / "cais"), DockerSide(docker, folder / "docker"))
    yield both
    for side in both:
        if side.folder.exists():
            side.run("down", "-v", "--remove-orphans", "-t", "0")
