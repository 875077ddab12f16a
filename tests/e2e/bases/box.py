"""Runs an image without the engine: a throw-away overlay, a chroot, its own mount, pid and network namespaces."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence

from cais.bases.sandbox import contained
from cais.images.model import RunConfig, StoredImage
from cais.images.store import ImageStore

# Like the engine: /proc, a few devices, the standard streams by name, a network with only the loopback.
ADDRESS = "198.51.100.7"
_SET_UP = f"""
root=$1; user=$2; shift 2
ip link set lo up
ip address add {ADDRESS}/32 dev lo
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755,size=64m tmpfs "$root/dev"
for name in null zero full random urandom tty; do : >"$root/dev/$name"; mount --bind "/dev/$name" "$root/dev/$name"; done
ln -s /proc/self/fd "$root/dev/fd"; ln -s /proc/self/fd/1 "$root/dev/stdout"; ln -s /proc/self/fd/2 "$root/dev/stderr"
mkdir -m 1777 "$root/dev/shm"; mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
if [ -n "$user" ]; then exec chroot --userspec="$user" "$root" "$@"; fi
exec chroot "$root" "$@"
"""


class Box:
    """A writable copy of an image. `root` may be prepared before something runs."""

    def __init__(self, root: str, config: RunConfig) -> None:
        self.root = root
        self.config = config

    def command(self, argv: Sequence[str], user: str = "") -> list[str]:
        inner = ("unshare", "--net", "/bin/sh", "-euc", _SET_UP, "box", self.root, user, *argv)
        return list(contained(inner))

    def environment(self, extra: Mapping[str, str] = {}) -> dict[str, str]:
        return {**dict(entry.split("=", 1) for entry in self.config.env), "HOME": "/root", **extra}

    def run(
        self, argv: Sequence[str], *, env: Mapping[str, str] = {}, user: str = "", timeout: float = 60
    ) -> tuple[int, str]:
        done = subprocess.run(
            self.command(argv, user),
            env={**self.environment(env), "PATH": self._path(env)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
        )
        return done.returncode, done.stdout.decode(errors="replace")

    def start_and_wait(self, argv: Sequence[str], user: str) -> tuple[int, str]:
        return self.run(argv, user=user)

    def start(
        self, argv: Sequence[str] = (), *, env: Mapping[str, str] = {}, user: str = ""
    ) -> subprocess.Popen[bytes]:
        """The image's own command, or `argv` in place of CMD."""
        whole = (*(self.config.entrypoint or ()), *(argv or self.config.cmd or ()))
        process = subprocess.Popen(
            self.command(whole, user),
            env={**self.environment(env), "PATH": self._path(env)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if user:
            # Like the runtime: programs open their output again by /dev/stdout, which the pipe's owner may.
            assert process.stdout is not None
            os.fchown(process.stdout.fileno(), *map(int, user.split(":")))
        return process

    def _path(self, env: Mapping[str, str]) -> str:
        return self.environment(env)["PATH"] + ":/usr/sbin:/usr/bin:/sbin:/bin"

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        target = self.root + path
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w") as stream:
            stream.write(text)
        os.chmod(target, mode)


def first_process(process: subprocess.Popen[bytes]) -> int:
    """PID 1 of a started box, as seen from here."""
    return int(subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True).stdout)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a box at once. Its first process is killed by name: one that changed its user lost the parent-death signal."""
    if process.poll() is None:
        os.kill(first_process(process), signal.SIGKILL)
    process.communicate(timeout=20)


@contextlib.contextmanager
def opened(store: ImageStore, image: StoredImage) -> Iterator[Box]:
    """A box of `image`, thrown away at the end."""
    with store.snapshots.prepare(image.chain_ids[-1]) as prepared:
        yield Box(prepared.merged, image.config.config)
