"""`cais image save` to `docker load` and `docker run`; `docker save` to `cais image load` and `cais run`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench.docker import DockerTool
from tests.conformance.pair import Pair
from tests.e2e.harness import Cais

pytestmark = [pytest.mark.root, pytest.mark.docker]


def test_docker_runs_what_cais_saved(docker: DockerTool, tiny: str) -> None:
    said = docker.ask("run", "--rm", "--network", "none", tiny, "sh", "-c", "cat /stored/sub/file; echo $A_FROM_IMAGE")
    assert said == "from the image\nyes\n"


def test_cais_runs_what_docker_built_and_saved(docker: DockerTool, cais_root: Path, tiny: str, tmp_path: Path) -> None:
    context, archive = tmp_path / "context", tmp_path / "built.tar"
    context.mkdir()
    (context / "Dockerfile").write_text(
        f'FROM {tiny}\nRUN echo built >/built && rm -r /stored\nENV B=c\nUSER app\nENTRYPOINT ["sh", "-c"]\nCMD ["id -u"]\n'
    )
    docker.ask("build", "-q", "-t", "cais-conformance/built:1", str(context))
    (told,) = json.loads(docker.ask("image", "inspect", "cais-conformance/built:1"))
    docker.ask("save", "-o", str(archive), "cais-conformance/built:1")
    docker.ask("image", "rm", "cais-conformance/built:1")
    cais = Cais(cais_root, tmp_path)
    cais.ok("image", "load", "-i", str(archive))
    (loaded,) = json.loads(cais.ok("image", "inspect", "cais-conformance/built:1").stdout)
    assert loaded["RootFS"]["Layers"] == told["RootFS"]["Layers"]
    (tmp_path / "compose.yaml").write_text("services:\n  one:\n    image: cais-conformance/built:1\n")
    try:
        assert cais.ok("run", "--rm", "-T", "one").stdout == "1000\n"
        assert cais.ok("run", "--rm", "-T", "one", "cat /built; ls /; echo $B").stdout.split()[-1] == "c"
        assert "stored" not in cais.ok("run", "--rm", "-T", "one", "ls /").stdout
    finally:
        cais.run("down")


def test_both_give_an_image_the_same_identity(pair: Pair) -> None:
    (told,) = json.loads(pair.docker.ask("image", "inspect", pair.image))
    (ours,) = json.loads(pair.cais.ok("image", "inspect", pair.image).stdout)
    assert told["Id"] == ours["Id"]
