"""Builds folders in a store of their own and shows what came of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from cais.build.request import BuildRequest
from cais.build.solve import build
from cais.clock import SystemClock
from cais.database import Database
from cais.engine.native.buildexec import NativeBuildExecutor
from cais.errors import PullError
from cais.events import Event, OutputEvent, Phase, StepEvent
from cais.images.model import ImageConfig, RunConfig, StoredImage
from cais.images.store import ImageStore
from cais.locations import Locations

BUSYBOX = "/bin/busybox"
BASE = "busybox:1"


class Workshop:
    """Builds a folder and shows what came of it."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.context = folder
        self.locations = Locations(root=str(root), run=str(root / "run"))
        self.database = Database(self.locations.database)
        self.store = ImageStore(self.locations, self.database)
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def resolve(self, reference: str, *, pull: bool = False) -> StoredImage:
        found = self.store.find(reference)
        if found is None:
            raise PullError(f'image "{reference}" is not to be had')
        return found

    def write(self, files: dict[str, str | bytes]) -> None:
        for name, content in files.items():
            path = self.context / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def build(self, dockerfile: str | None, **options: Any) -> StoredImage:
        self.events.clear()
        defaults: dict[str, Any] = {"name": "test", "context": str(self.context), "host_ca": False}
        return build(
            BuildRequest(dockerfile_text=dockerfile, **(defaults | options)),
            store=self.store,
            images=self,
            executor=NativeBuildExecutor(self.locations),
            events=self,
            clock=SystemClock(),
            locations=self.locations,
        )

    def made(self) -> list[str]:
        """The steps that were not found in the cache."""
        return [each.name for each in self.steps() if not each.cached]

    def steps(self) -> list[StepEvent]:
        return [each for each in self.events if isinstance(each, StepEvent) and each.phase is Phase.DONE]

    def output(self) -> str:
        return "".join(each.text for each in self.events if isinstance(each, OutputEvent))

    def files(self, image: StoredImage) -> dict[str, str]:
        """Every path of the image that the base does not have, with mode, owner and content."""
        found: dict[str, str] = {}
        base = self.resolve(BASE).snapshot_paths[0]
        with self.store.snapshots.prepare(image.chain_ids[-1]) as mounted:
            for folder, names, files in os.walk(mounted.merged):
                for name in [*names, *files]:
                    path = os.path.join(folder, name)
                    relative = os.path.relpath(path, mounted.merged)
                    if not os.path.lexists(os.path.join(base, relative)):
                        found[relative] = describe(path)
        return found

    def read(self, image: StoredImage, path: str) -> str:
        with self.store.snapshots.prepare(image.chain_ids[-1]) as mounted:
            return Path(mounted.merged, path).read_text()

    def layer(self, image: StoredImage, number: int = -1) -> list[str]:
        """The paths in one layer."""
        top = Path(image.snapshot_paths[number])
        return sorted(str(path.relative_to(top)) for path in top.rglob("*"))

    def leftovers(self) -> list[str]:
        """What a build should not have left behind."""
        working = Path(self.locations.snapshots, ".working")
        run = Path(self.locations.run)
        found = [*working.iterdir(), *Path(self.locations.build, "steps").glob("*")] if working.exists() else []
        found += run.glob("secrets/*")
        mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if self.locations.root in line]
        return [*map(str, found), *mounts]


def describe(path: str) -> str:
    status = os.lstat(path)
    mode = f"{status.st_mode & 0o7777:04o} {status.st_uid}:{status.st_gid}"
    if os.path.islink(path):
        return f"-> {os.readlink(path)}"
    if os.path.isdir(path):
        return f"{mode} /"
    return f"{mode} {Path(path).read_text(errors='replace')}"


def make_base(workshop: Workshop, rootfs: Path) -> None:
    """Put a busybox image into the store: a few applets, two users, a merged /usr/lib."""
    if not os.path.exists(BUSYBOX):
        pytest.fail("busybox-static is not installed: run ./test, which installs what tests need")
    for name in ("bin", "etc", "tmp", "root", "usr/lib", "home/ana"):
        (rootfs / name).mkdir(parents=True)
    (rootfs / "tmp").chmod(0o1777)
    shutil.copy(BUSYBOX, rootfs / "bin/busybox")
    for applet in ("sh", "cat", "echo", "env", "ls", "mkdir", "id", "pwd", "stat", "rm", "mv", "touch", "find", "sleep",
                   "false", "ln", "chmod", "chown", "wc", "head", "date", "grep", "readlink", "cp", "mount", "test", "kill"):  # fmt: skip
        (rootfs / "bin" / applet).symlink_to("busybox")
    (rootfs / "lib").symlink_to("usr/lib")
    (rootfs / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nana:x:1000:1001::/home/ana:/bin/sh\n")
    (rootfs / "etc/group").write_text("root:x:0:\nana:x:1001:\nstaff:x:50:\n")
    config = ImageConfig(architecture="amd64", os="linux", config=RunConfig(env=("PATH=/bin", "BASE=yes"), cmd=("sh",)))
    workshop.store.import_root(str(rootfs), config, references=[BASE])
