"""Cais, under a root folder of the bench's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from bench import processes
from bench.model import Side
from bench.programs import MeasureError, Place, call


class CaisTool(msgspec.Struct, frozen=True, kw_only=True):
    """`cais` with its own CAIS_ROOT."""

    root: str
    compose: tuple[str, ...]
    env: Mapping[str, str]
    side: Side = Side.CAIS

    @property
    def place(self) -> Place:
        """The host's network, the bench's root."""
        return Place(env={**self.env, "CAIS_ROOT": self.root})

    def ask(self, *words: str, cwd: str = "/") -> str:
        """The standard output of a command."""
        return call((*self.compose, *words), msgspec.structs.replace(self.place, cwd=cwd), timeout_s=900).stdout

    def main_pid(self, folder: str, service: str) -> int:
        """From `cais ps`."""
        for line in self.ask("-f", "compose.yaml", "ps", "--format", "json", service, cwd=folder).splitlines():
            return int(json.loads(line)["Pid"])
        raise MeasureError(f'cais ps shows no container of "{service}"')

    def own_pids(self) -> list[int]:
        """All that carry the root in their environment or command line: supervisors, name server, monitors."""
        setting = f"CAIS_ROOT={self.root}"
        return sorted({*processes.having(environ=setting), *processes.having(cmdline=f"{self.root}/")})

    def daemon_pids(self) -> list[int]:
        """All but the monitors."""
        return [pid for pid in self.own_pids() if pid not in processes.where(lambda path: path.endswith("/conmon"))]

    def image(self, name: str) -> dict[str, Any] | None:
        """What `cais image inspect` says; None when there is no such image."""
        try:
            (found,) = json.loads(self.ask("image", "inspect", name))
        except MeasureError:
            return None
        return dict(found)
