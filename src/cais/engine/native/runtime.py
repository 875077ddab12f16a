"""Which OCI runtime this machine can use, found out once, and how it is called.

crun is preferred (three times faster to start a container). It refuses cgroups v1 with a v2 hierarchy beside them ("hybrid mode"),
but works where that hierarchy is not visible; so its processes then start in a mount namespace from which it was taken.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import msgspec

from cais import durable
from cais.engine.native.cgroup import HYBRID_MOUNT, layout
from cais.errors import MissingTool
from cais.proc import find_program

Result = TypeVar("Result")

INSTALL_HINT = "apt-get install crun"


class Runtime(msgspec.Struct, frozen=True, kw_only=True):
    """A runtime and how to call it. `without` are mounts it must not see. `state` is where it keeps what it knows of containers."""

    name: str
    program: str
    state: str
    without: tuple[str, ...] = ()

    def argv(self, *arguments: str) -> tuple[str, ...]:
        """The command line for containers, which have cgroups."""
        manager = ("--cgroup-manager=cgroupfs",) if self.name == "crun" else ()
        return (self.program, *manager, "--root", self.state, *arguments)

    def apart(self, work: Callable[[], Result]) -> Result:
        """Call `work`, which starts the runtime, where the runtime can work."""
        if not self.without:
            return work()
        from cais.linux.namespaces import Apart

        return Apart(work, without=self.without).result()


class _Choice(msgspec.Struct, frozen=True):
    key: str
    name: str
    program: str
    without: tuple[str, ...] = ()


def choose(run_folder: str) -> Runtime:
    """The runtime to use, from the note an earlier choice left under `run_folder`, else by trying. Raises MissingTool, HostError."""
    note = os.path.join(run_folder, "runtime.json")
    key = _host_key()
    choice = _noted(note, key)
    if choice is None:
        from cais.engine.native.trial import first_working

        os.makedirs(run_folder, mode=0o711, exist_ok=True)
        name, program, without = first_working(candidates(), run_folder)
        choice = _Choice(key, name, program, without)
        durable.write(note, msgspec.json.encode(choice), sync=False)
    state = os.path.join(run_folder, "runtime")
    return Runtime(name=choice.name, program=choice.program, state=state, without=choice.without)


def candidates() -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Name, program and mounts to hide, best first. Raises MissingTool when there is no runtime at all."""
    found: list[tuple[str, str, tuple[str, ...]]] = []
    crun, runc = find_program("crun"), find_program("runc")
    if crun is not None:
        found.append(("crun", crun, ()))
        if layout() == "hybrid":
            found.append(("crun", crun, (HYBRID_MOUNT,)))
    if runc is not None:
        found.append(("runc", runc, ()))
    if not found:
        raise MissingTool("no OCI runtime is installed", hint=INSTALL_HINT)
    return tuple(found)


def _host_key() -> str:
    # An upgraded runtime or other cgroups ask for a new trial; two stat calls tell.
    parts = [layout()]
    for name in ("crun", "runc"):
        program = find_program(name)
        if program is not None:
            status = os.stat(program)
            parts.append(f"{program}:{status.st_mtime_ns}:{status.st_size}")
    return " ".join(parts)


def _noted(note: str, key: str) -> _Choice | None:
    try:
        with open(note, "rb") as stream:
            choice = msgspec.json.decode(stream.read(), type=_Choice)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return choice if choice.key == key else None
