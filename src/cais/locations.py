"""Where Cais keeps its state (design.md, "State on disk")."""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec


class Locations(msgspec.Struct, frozen=True):
    """The folders of one Cais root. All are absolute; none is made here.

    `root` survives a reboot, `run` does not (sockets, pids, network namespaces). `runtime` is the OCI runtime to use there, "" for the
    best one that works.
    """

    root: str
    run: str
    runtime: str = ""

    @property
    def store(self) -> str:
        """The OCI image layout."""
        return os.path.join(self.root, "store")

    @property
    def snapshots(self) -> str:
        """Unpacked layers by chain ID."""
        return os.path.join(self.root, "snapshots")

    @property
    def database(self) -> str:
        """The SQLite file."""
        return os.path.join(self.root, "cais.db")

    @property
    def containers(self) -> str:
        """One folder a container."""
        return os.path.join(self.root, "containers")

    @property
    def volumes(self) -> str:
        """One folder a named volume."""
        return os.path.join(self.root, "volumes")

    @property
    def build(self) -> str:
        """Cache mounts, running builds, file digest cache."""
        return os.path.join(self.root, "build")


def find_locations(env: Mapping[str, str], *, uid: int) -> Locations:
    """`$CAIS_ROOT`, `$CAIS_RUN` and `$CAIS_RUNTIME`, else the defaults for root or for a user (XDG base directory specification)."""
    if uid == 0:
        root, run = "/var/lib/cais", "/run/cais"
    else:
        home = env.get("HOME", "/")
        root = os.path.join(env.get("XDG_DATA_HOME") or os.path.join(home, ".local/share"), "cais")
        run = os.path.join(env.get("XDG_RUNTIME_DIR") or os.path.join(root, "run"), "cais")
    if "CAIS_ROOT" in env:
        root = env["CAIS_ROOT"]
        run = os.path.join(root, "run")
    run = os.path.abspath(env.get("CAIS_RUN", run))
    return Locations(root=os.path.abspath(root), run=run, runtime=env.get("CAIS_RUNTIME", ""))
