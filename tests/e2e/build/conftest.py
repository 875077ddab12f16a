"""A store with a busybox image to build from."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.build.workshop import BASE, BUSYBOX, Workshop

from cais.images.model import ImageConfig, RunConfig


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    if not os.path.exists(BUSYBOX):
        pytest.fail("busybox-static is not installed: run ./test, which installs what tests need")
    rootfs = tmp_path / "rootfs"
    for name in ("bin", "etc", "tmp", "root", "usr/lib", "home/ana"):
        (rootfs / name).mkdir(parents=True)
    (rootfs / "tmp").chmod(0o1777)
    shutil.copy(BUSYBOX, rootfs / "bin/busybox")
    for applet in ("sh", "cat", "echo", "env", "ls", "mkdir", "id", "pwd", "stat", "rm", "mv", "touch", "find", "sleep",
                   "false", "ln", "chmod", "chown", "wc", "head", "date", "grep", "readlink", "mount", "test", "kill"):  # fmt: skip
        (rootfs / "bin" / applet).symlink_to("busybox")
    (rootfs / "lib").symlink_to("usr/lib")
    (rootfs / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nana:x:1000:1001::/home/ana:/bin/sh\n")
    (rootfs / "etc/group").write_text("root:x:0:\nana:x:1001:\nstaff:x:50:\n")
    context = tmp_path / "context"
    context.mkdir()
    workshop = Workshop(context, tmp_path / "cais")
    config = ImageConfig(architecture="amd64", os="linux", config=RunConfig(env=("PATH=/bin", "BASE=yes"), cmd=("sh",)))
    workshop.store.import_root(str(rootfs), config, references=[BASE])
    yield workshop
    assert workshop.leftovers() == []
    workshop.store.close()
    workshop.database.close()
