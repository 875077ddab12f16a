"""Runs programs on a root that is being made: in their own mount and pid namespaces, so that nothing they mount or start outlives them.

Only for Debian's signed packages and our own scripts: what a Dockerfile says runs in a container (`build.executor`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

import msgspec

from cais.errors import HostError
from cais.proc import TAIL_LINES, Command, Outcome, describe_returncode, run_streaming

# Proxies are the one thing of the caller's environment that the download of packages needs.
_PROXY_VARIABLES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_DEVICES = "null zero full random urandom tty"

# Maintainer scripts need /proc and a few devices. A fresh tmpfs keeps the machine's other devices out of their reach, and everything out of the layer.
# The pairs after the root are bind mounts: source, target inside the root.
_MOUNT_AND_EXEC = f"""
root=$1; shift
mount -t proc proc /proc
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755,size=64m tmpfs "$root/dev"
for name in {_DEVICES}; do : >"$root/dev/$name"; mount --bind "/dev/$name" "$root/dev/$name"; done
ln -s /proc/self/fd "$root/dev/fd"
mkdir -m 1777 "$root/dev/shm"
while [ "$1" != -- ]; do mount --bind "$1" "$root$2"; shift 2; done
shift
exec "$@"
"""

OnOutput = Callable[[bytes], None]


def proxies(env: Mapping[str, str]) -> dict[str, str]:
    """The proxy settings among `env`."""
    return {name: env[name] for name in _PROXY_VARIABLES if env.get(name)}


def contained(argv: Sequence[str]) -> tuple[str, ...]:
    """`argv` in namespaces that end with it, and killed when the calling thread dies.

    Mounts keep arriving from outside and disappear with it (slave), so a snapshot unmounted elsewhere is not kept busy from in here.
    """
    return (
        *("setpriv", "--pdeathsig", "KILL", "--"),
        *("unshare", "--mount", "--propagation", "slave", "--pid", "--fork", "--kill-child=KILL", "--"),
        *argv,
    )


class Root(msgspec.Struct, frozen=True):
    """A root file system being made, at `path`; what its programs print goes to `on_output`. `epoch_s` is the time scripts shall write down."""

    path: str
    on_output: OnOutput
    epoch_s: int

    def run(self, argv: Sequence[str], *, env: Mapping[str, str]) -> None:
        """Run a program of the root inside it, as root. Raises HostError when it fails."""
        settings = {
            "SOURCE_DATE_EPOCH": str(self.epoch_s),
            "DEBIAN_FRONTEND": "noninteractive",
            "HOME": "/root",
            **env,
        }
        outcome = self.start(("chroot", self.path, *argv), env=settings)
        if not outcome.ok:
            # Without the command line: it is a script of ours, of no use to the reader.
            lines = outcome.stdout.decode(errors="replace").splitlines()[-TAIL_LINES:]
            raise HostError(
                f"preparing the base image ended with {describe_returncode(outcome.returncode)}", details=lines
            )

    def start(self, argv: Sequence[str], *, env: Mapping[str, str], binds: Sequence[tuple[str, str]] = ()) -> Outcome:
        """Run a program of the machine that works on the root, with `binds` (source, target inside the root) in place."""
        pairs = [word for pair in binds for word in pair]
        script = ("/bin/sh", "-euc", _MOUNT_AND_EXEC, "cais-bases", self.path, *pairs, "--", *argv)
        return run_streaming(Command(argv=contained(script), env=env), self.on_output)


def caller_environment() -> dict[str, str]:
    """What programs that download get of this process's environment."""
    return proxies(os.environ)
