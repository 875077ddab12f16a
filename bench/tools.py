"""The two programs that are compared, behind one face: both take `docker compose`'s verbs and flags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from bench.model import Side
from bench.programs import Done, Place, call


class Tool(Protocol):
    """Cais, or Docker with Compose."""

    @property
    def side(self) -> Side:
        """Its column."""

    @property
    def compose(self) -> Sequence[str]:
        """The command before the verb."""

    @property
    def place(self) -> Place:
        """Environment and network namespace to run it in; published ports of 127.0.0.1 are reached from there."""

    def main_pid(self, folder: str, service: str) -> int:
        """The first process of a running service, as the host sees it."""

    def own_pids(self) -> list[int]:
        """Every process of the tool itself: daemons, monitors, proxies; not those of the services."""

    def daemon_pids(self) -> list[int]:
        """Those of them that are there once, whatever the number of containers."""


class Project(msgspec.Struct, frozen=True):
    """A folder with a `compose.yaml`, driven by one of the tools."""

    tool: Tool
    folder: str

    def run(self, *words: str, timeout_s: float = 180) -> Done:
        """One command; `-f` leaves out the development override."""
        place = msgspec.structs.replace(self.tool.place, cwd=self.folder)
        return call((*self.tool.compose, "-f", "compose.yaml", *words), place, timeout_s=timeout_s)

    def seconds(self, *words: str) -> float:
        """How long one command takes."""
        return self.run(*words).seconds

    def main_pid(self, service: str) -> int:
        """The first process of a running service."""
        return self.tool.main_pid(self.folder, service)

    def address(self, service: str) -> str:
        """A service's own address, read in its network namespace."""
        here = Place(env=self.tool.place.env, network=f"/proc/{self.main_pid(service)}/ns/net")
        found = call(("ip", "-4", "-o", "address", "show", "scope", "global"), here).stdout.split()
        return found[found.index("inet") + 1].partition("/")[0]
