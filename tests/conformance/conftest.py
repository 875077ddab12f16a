"""A real Docker engine to stand side by side with: unpacked and run by scripts/docker-engine.sh, stopped at the end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.docker import DockerTool, EngineUnavailable, docker_engine
from tests.conformance.pair import Pair
from tests.e2e.harness import Cais

TINY = "cais-conformance/tiny:1"
APPLETS = "sh cat echo id ls wget nc true false httpd kill env printenv hostname grep nslookup stat df sort cut head mount sleep touch wc sed tr"


@pytest.fixture(scope="session")
def docker() -> Iterator[DockerTool]:
    """`docker.ask("load", "-i", FILE)` and the like; `MeasureError` with the last lines when a command fails."""
    try:
        with docker_engine() as engine:
            yield engine
    except EngineUnavailable as error:
        pytest.skip(f"no Docker engine can be had: {error}")


@pytest.fixture(scope="session")
def cais_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root of this session's own."""
    if os.getuid() != 0:
        pytest.skip("needs root")
    return tmp_path_factory.mktemp("root")


@pytest.fixture(scope="session")
def tiny(cais_root: Path, docker: DockerTool, tmp_path_factory: pytest.TempPathFactory) -> str:
    """One image in both stores: busybox under many names, files in a folder that volumes are made over."""
    folder = tmp_path_factory.mktemp("tiny")
    root = folder / "root"
    for name in ("bin", "etc", "tmp", "root", "www", "stored/sub"):
        (root / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    for applet in APPLETS.split():
        (root / "bin" / applet).symlink_to("busybox")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/tmp:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\napp:x:1001:\nextra:x:1002:app\n")
    (root / "stored/sub/file").write_text("from the image\n")
    os.chown(root / "stored", 1000, 1001)
    (root / "tmp").chmod(0o1777)
    cais = Cais(cais_root, folder)
    changes = ('CMD ["sleep", "infinity"]', "ENV PATH=/bin A_FROM_IMAGE=yes", "WORKDIR /www", "LABEL from=image")
    cais.ok("image", "import", str(root), TINY, *(word for change in changes for word in ("-c", change)))
    cais.ok("image", "save", TINY, "-o", str(folder / "tiny.tar"))
    docker.ask("load", "-i", str(folder / "tiny.tar"))
    return TINY


@pytest.fixture(scope="module")
def pair(cais_root: Path, docker: DockerTool, tiny: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """One project folder, both programs; what a module brought up in it is taken down."""
    folder = tmp_path_factory.mktemp("project") / "same"
    folder.mkdir()
    both = Pair(Cais(cais_root, folder), docker, folder, tiny)
    yield both
    both.run("down", "-v", "-t", "0", "--remove-orphans")
