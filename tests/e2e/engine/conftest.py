"""A tiny root file system and a Cais root of its own for tests that run real containers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.engine.surroundings import World

from cais.images.model import RunConfig
from cais.locations import Locations

BUSYBOX = "/bin/busybox"
SLEEPS = RunConfig(cmd=("sleep", "1000"))
APPLETS = [
    "sh",
    "cat",
    "echo",
    "env",
    "false",
    "grep",
    "hostname",
    "id",
    "kill",
    "ln",
    "ls",
    "mkdir",
    "mount",
    "nc",
    "ps",
    "pwd",
    "readlink",
    "rm",
    "sleep",
    "stat",
    "stty",
    "sync",
    "tail",
    "test",
    "touch",
    "true",
    "ulimit",
    "umask",
    "uname",
    "wc",
    "wget",
    "httpd",
    "chmod",
    "chown",
    "head",
    "dd",
    "yes",
    "seq",
    "trap",
    "printf",
    "ip",
    "nslookup",
]


def make_root(folder: Path) -> str:
    """A root file system with busybox, two users and the usual folders."""
    for name in ("bin", "etc", "tmp", "home/ana", "data/sub", "var"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    shutil.copy(BUSYBOX, folder / "bin/busybox")
    for name in APPLETS:
        (folder / "bin" / name).symlink_to("busybox")
    (folder / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nana:x:1000:1000::/home/ana:/bin/sh\n")
    (folder / "etc/group").write_text("root:x:0:\nana:x:1000:\nwheel:x:10:root,ana\nvideo:x:44:\n")
    (folder / "data/hello").write_text("from the image\n")
    (folder / "data").chmod(0o750)
    os.chown(folder / "data", 1000, 10)
    (folder / "tmp").chmod(0o1777)
    return str(folder)


@pytest.fixture
def busybox_root(tmp_path: Path) -> str:
    if not os.path.exists(BUSYBOX):
        pytest.fail("busybox-static is not installed: run ./test, which installs what tests need")
    return make_root(tmp_path / "rootfs")


@pytest.fixture
def locations(tmp_path: Path) -> Locations:
    return Locations(root=str(tmp_path / "cais"), run=str(tmp_path / "cais/run"))


@pytest.fixture
def world(request: pytest.FixtureRequest, locations: Locations, busybox_root: str) -> Iterator[World]:
    """An engine with one image. A module's IMAGE_CONFIG, where it has one, says how that runs."""
    made = World(locations, busybox_root, getattr(request.module, "IMAGE_CONFIG", SLEEPS))
    yield made
    made.clear()
