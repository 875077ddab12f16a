"""Both builders, the base image in both, and the servers that ADD asks."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.docker import DockerTool
from tests.conformance.build.builders import Builder, CaisBuilder, DockerBuilder, buildkit
from tests.conformance.build.server import Servers, servers
from tests.e2e.harness import Cais

BUSYBOX = "/bin/busybox"
BASE = "busybox:1"
CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")


@pytest.fixture(scope="session")
def cais_side(cais_root: Path, tmp_path_factory: pytest.TempPathFactory) -> CaisBuilder:
    """Cais with the base image."""
    folder = tmp_path_factory.mktemp("base")
    _base(folder / "root")
    changes = ("-c", "ENV PATH=/bin BASE=yes", "-c", 'CMD ["sh"]')
    Cais(cais_root, folder).ok("image", "import", str(folder / "root"), BASE, *changes)
    return CaisBuilder(cais_root)


@pytest.fixture(scope="session")
def base_archive(cais_side: CaisBuilder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base image for the others."""
    archive = tmp_path_factory.mktemp("base") / "base.tar"
    cais_side.save(archive, BASE)
    return archive


@pytest.fixture(scope="session")
def docker_side(docker: DockerTool, base_archive: Path) -> Builder:
    """Docker's engine with the base image."""
    builder = DockerBuilder(docker)
    builder.take(base_archive, BASE)
    return builder


@pytest.fixture(scope="session")
def buildkit_side(base_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    """A new BuildKit with the base image."""
    try:
        with buildkit(tmp_path_factory.mktemp("buildkit")) as builder:
            builder.take(base_archive, BASE)
            yield builder
    except OSError as error:
        pytest.skip(f"no BuildKit can be had: {error}")


@pytest.fixture(scope="session")
def served(docker: DockerTool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The servers, at the machine's end of the engine's network."""
    with servers(docker.host_address, tmp_path_factory.mktemp("repositories")) as running:
        yield running


def _base(root: Path) -> None:
    """Busybox under all its names, two users, a merged /usr/lib, the folders that are mounted on, a file with attributes."""
    for name in ("bin", "etc", "tmp", "root", "usr/lib", "home/ana", "proc", "sys", "dev"):
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    (root / "root").chmod(0o700)
    os.chown(root / "home/ana", 1000, 1001)
    shutil.copy(BUSYBOX, root / "bin/busybox")
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout
    for applet in applets.split():
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")
    (root / "lib").symlink_to("usr/lib")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nana:x:1000:1001::/home/ana:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nana:x:1001:\nstaff:x:50:\nextra:x:60:ana\n")
    (root / "etc/hosts").touch()
    (root / "etc/resolv.conf").touch()
    (root / "attributed").mkdir()
    (root / "attributed/file").write_text("1\n")
    os.setxattr(root / "attributed/file", "user.note", b"v")
    os.setxattr(root / "attributed/file", "security.capability", CAPABILITY)
