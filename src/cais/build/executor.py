"""How a build runs a command: a protocol that `engine.native` satisfies and `cli.wire` connects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

DEFAULT_HOSTNAME = "buildkitsandbox"  # BuildKit's: a build may have come to count on it


class BuildMount(msgspec.Struct, frozen=True, kw_only=True):
    """A mount of one RUN. `source` is a host path for "bind", unused for "tmpfs"."""

    kind: str
    target: str
    source: str = ""
    read_only: bool = False
    size_bytes: int | None = None


class RunRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A command to run on a root. `root` is a mounted root file system (an overlay's merged folder).

    `user` is `uid|name[:gid|name]`, resolved in the root. `network` is "default" (the host's network and resolver), "none" or "host".
    `mounts` are applied in order after the standard ones (/proc, /dev, /sys, /etc/resolv.conf, /etc/hosts), all of which leave no trace in `root`.
    `ulimits` are (name, soft, hard), -1 for none. `insecure` is a command with all the rights of this machine's root.
    """

    root: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    working_dir: str
    user: str
    mounts: tuple[BuildMount, ...] = ()
    network: str = "default"
    hostname: str = DEFAULT_HOSTNAME
    extra_hosts: tuple[tuple[str, str], ...] = ()
    shm_size_bytes: int = 64 << 20
    ulimits: tuple[tuple[str, int, int], ...] = ()
    insecure: bool = False
    stdin: bytes | None = None


class BuildExecutor(Protocol):
    """Runs build commands in isolation."""

    def run(self, request: RunRequest, on_output: Callable[[bytes], None]) -> int:
        """Run to the end; stdout and stderr together go to `on_output`. Returns the exit code (128+n for signal n). Killed with its caller."""

    def interact(self, request: RunRequest) -> int:
        """Run on the caller's own terminal, or streams where there is none. Returns the exit code."""

    def sweep(self) -> None:
        """Take away what killed builds left running or lying about."""
