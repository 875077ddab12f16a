"""One registry between Cais and Docker: what one pushes, the other pulls, and it is the same image."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.docker import DockerTool
from bench.netns import inside
from tests.e2e.harness import Cais, until

pytestmark = [pytest.mark.root, pytest.mark.docker]
PORT = 28095
HOST = f"localhost:{PORT}"


@pytest.fixture(scope="module")
def registry(docker: DockerTool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Debian's registry, in the network namespace of Docker's engine; Cais is called from there too."""
    folder = tmp_path_factory.mktemp("registry")
    (folder / "config.yml").write_text(
        "version: 0.1\nlog: {level: error}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\nhttp: {{addr: '127.0.0.1:{PORT}'}}\n"
    )
    with inside(docker.network), (folder / "log").open("wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(folder / "config.yml")], stdout=log, stderr=log)
        until(_listens)
    yield HOST
    process.terminate()
    process.wait(10)


def _listens() -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", PORT), 1):
        return True
    return False


@pytest.fixture
def cais(docker: DockerTool, tmp_path: Path) -> Iterator[Cais]:
    (tmp_path / "work").mkdir()
    with inside(docker.network):
        yield Cais(tmp_path / "root", tmp_path / "work", {"HOME": str(tmp_path), "DOCKER_CONFIG": ""})


def make(cais: Cais, name: str) -> str:
    """An image with the odd kinds of files in it; its id."""
    root = cais.folder / "rootfs"
    (root / "folder").mkdir(parents=True)
    (root / "folder/file").write_bytes(os.urandom(2_000_000))
    os.link(root / "folder/file", root / "hard")
    (root / "soft").symlink_to("folder/file")
    (root / "folder/file").chmod(0o4750)
    os.chown(root / "folder", 12, 34)
    return cais.ok("image", "import", str(root), name, "-c", 'CMD ["/x"]', "-c", "ENV A=1").stdout.strip()


@pytest.mark.parametrize("compression", ["gzip", "zstd", "none"])
def test_docker_pulls_what_cais_pushed(cais: Cais, docker: DockerTool, registry: str, compression: str) -> None:
    name = f"{registry}/cais/{compression}:1"
    image_id = make(cais, name)
    cais.ok("image", "push", name, "--compression", compression)
    docker.ask("pull", name)
    try:
        [found] = json.loads(docker.ask("image", "inspect", name))
    finally:
        docker.ask("image", "rm", name)
    assert found["Id"] == image_id
    assert "A=1" in found["Config"]["Env"]


def test_cais_pulls_what_docker_pushed(cais: Cais, docker: DockerTool, registry: str) -> None:
    name = f"{registry}/docker/app:1"
    image_id = make(cais, name)
    cais.ok("image", "save", name, "-o", "app.tar")
    docker.ask("load", "-i", str(cais.folder / "app.tar"))
    docker.ask("push", name)
    [theirs] = json.loads(docker.ask("image", "inspect", name))
    docker.ask("image", "rm", name)
    cais.ok("image", "rm", name)
    cais.ok("image", "pull", name)
    [ours] = json.loads(cais.ok("image", "inspect", name).stdout)
    assert ours["Id"] == image_id
    assert ours["RepoDigests"] == theirs["RepoDigests"]
    assert cais.ok("image", "validate", name).stdout == ""
