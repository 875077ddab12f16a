"""Fixtures of the end-to-end tests: real containers under a root of their own."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import CHECKOUT, Cais


@pytest.fixture(scope="session")
def cais_root() -> Path:
    """Kept between runs, because bootstrapping base images takes a minute; `CAIS_TEST_ROOT` names another."""
    if os.getuid() != 0:
        pytest.skip("needs root")
    root = Path(os.environ.get("CAIS_TEST_ROOT", "/var/tmp/cais-tests"))
    root.mkdir(parents=True, exist_ok=True)
    return root


@pytest.fixture
def project(cais_root: Path, tmp_path: Path) -> Iterator[Cais]:
    """An empty project folder; whatever a test brought up in it is taken down, with volumes."""
    folder = tmp_path / f"p{os.getpid()}{abs(hash(tmp_path)) % 10**6}"
    folder.mkdir()
    cais = Cais(cais_root, folder)
    yield cais
    if any(folder.glob("*.y*ml")):
        cais.run("down", "-v", "--remove-orphans", "-t", "0")


def copy_stack(name: str, to: Path) -> Path:
    """A copy of `stacks/NAME` that a test may change."""
    target = to / name
    shutil.copytree(CHECKOUT / "stacks" / name, target, ignore=shutil.ignore_patterns(".env", "__pycache__"))
    shutil.copy(target / ".env.example", target / ".env")
    return target


@pytest.fixture(scope="session")
def tiny(cais_root: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A reference to a two-megabyte image with busybox as every command: tests need no bootstrap of a distribution."""
    reference = "cais-test/tiny:1"
    folder = tmp_path_factory.mktemp("tiny")
    cais = Cais(cais_root, folder)
    if cais.run("image", "inspect", reference).code == 0:
        return reference
    root = folder / "root"
    for name in ("bin", "etc", "tmp", "root", "www"):
        (root / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    for applet in (
        "sh",
        "sleep",
        "cat",
        "echo",
        "id",
        "ls",
        "wget",
        "nc",
        "true",
        "false",
        "httpd",
        "kill",
        "touch",
        "env",
        "hostname",
        "ps",
        "grep",
        "test",
        "nslookup",
        "stat",
        "dd",
        "mount",
        "trap",
        "date",
    ):
        (root / "bin" / applet).symlink_to("busybox")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/tmp:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\napp:x:1000:\n")
    (root / "tmp").chmod(0o1777)
    cais.ok("image", "import", str(root), reference, "-c", 'CMD ["sleep", "infinity"]', "-c", "ENV PATH=/bin")
    return reference
