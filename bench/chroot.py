"""An image's root file system without a container: an overlay mount of its snapshots and a chroot into it."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from bench.programs import Place, call


class Root(msgspec.Struct, frozen=True, kw_only=True):
    """A mounted root with what the image says of its processes."""

    folder: str
    env: Mapping[str, str]
    user: str
    cwd: str

    def start(self, argv: Sequence[str], *, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start a program in it, as the image's user, in a process group of its own; what it writes goes to a file, as in a container."""
        settings = [f"{name}={value}" for name, value in {**self.env, **env}.items()]
        command = ("chroot", f"--userspec={self.user}", self.folder, "/usr/bin/env", "-i", "-C", self.cwd)
        with open(f"{self.folder}.log", "wb") as log:
            # nginx opens /dev/stdout by its name, and is an ordinary user.
            os.fchmod(log.fileno(), 0o666)
            words = (*command, *settings, *argv)
            return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0)


@contextlib.contextmanager
def mounted(image: Mapping[str, Any], folder: str, *, env: Mapping[str, str], user: str = "") -> Iterator[Root]:
    """Mount an image (as `cais image inspect` shows it) at `folder`; what is written goes to a folder thrown away at the end."""
    here = Place(env=env)
    root = os.path.join(folder, "root")
    _unmount(root, here)  # a killed run may have left it
    call(("rm", "-rf", "--one-file-system", folder), here)
    for name in ("upper", "work", "root"):
        os.makedirs(os.path.join(folder, name))
    lower = ":".join(reversed(image["Snapshots"]))
    options = f"lowerdir={lower},upperdir={folder}/upper,workdir={folder}/work"
    try:
        call(("mount", "-t", "overlay", "overlay", "-o", options, root), here)
        for source in ("/proc", "/dev", "/dev/shm"):
            call(("mount", "--bind", source, root + source), here)
        config = image["Config"]
        yield Root(
            folder=root,
            env=dict(line.split("=", 1) for line in config.get("Env") or ()),
            user=_ids(root, user or config.get("User") or "0"),
            cwd=config.get("WorkingDir") or "/",
        )
    finally:
        _unmount(root, here)


def bind(source: str, root: Root, target: str, *, env: Mapping[str, str]) -> None:
    """Mount a folder of the host in a root; it goes with the root."""
    os.makedirs(source, exist_ok=True)
    call(("mount", "--bind", source, root.folder + target), Place(env=env))


def _unmount(root: str, here: Place) -> None:
    if os.path.ismount(root):
        call(("umount", "-R", "-l", root), here)


def _ids(root: str, user: str) -> str:
    """`uid:gid` of an image's `USER`: as it stands where it names a group, else of the user in its /etc/passwd (passwd(5))."""
    if ":" in user:
        return user
    with open(os.path.join(root, "etc/passwd"), encoding="utf-8") as stream:
        for fields in (line.split(":") for line in stream):
            if user in (fields[0], fields[2]):
                return f"{fields[2]}:{fields[3]}"
    return f"{user}:{user}"
