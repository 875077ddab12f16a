"""Which OCI runtime this machine can use, found out once, and how it is called.

crun is preferred (three times faster to start a container). It refuses cgroups v1 with a v2 hierarchy beside them ("hybrid mode"),
but works where that hierarchy is not visible; so its processes then start in a mount namespace from which it was taken.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import msgspec

from cais import decoding, durable
from cais.engine.native.cgroup import HYBRID_MOUNT, layout
from cais.errors import Conflict, MissingTool, UsageError
from cais.locations import Locations
from cais.proc import find_program

Result = TypeVar("Result")

NAMED_FOLDER = "runtimes"
"""In the run folder: one folder a runtime that containers ask for by name."""

NAMES = ("crun", "runc")  # the better one first
DOCKERS_NAME_OF_RUNC = "io.containerd.runc.v2"


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


def choose(locations: Locations, named: str = "") -> Runtime:
    """The runtime to use, from the note an earlier choice left in the run folder, else by trying. Raises MissingTool, HostError, Conflict.

    `named` is what a container asks for by itself; what that runtime knows lies apart, so that it may be another than the others' one.
    """
    named = "runc" if named == DOCKERS_NAME_OF_RUNC else named
    folder = os.path.join(locations.run, NAMED_FOLDER, named) if named else locations.run
    wanted = named or locations.runtime
    note = os.path.join(folder, "runtime.json")
    state = os.path.join(folder, "runtime")
    key = _host_key(wanted)
    noted = _noted(note)
    choice = noted if noted is not None and noted.key == key else None
    if choice is None:
        from cais.engine.native.trial import first_working

        os.makedirs(locations.run, mode=0o711, exist_ok=True)
        os.makedirs(folder, mode=0o711, exist_ok=True)
        name, program, without = first_working(candidates(wanted), folder)
        choice = _Choice(key, name, program, without)
        _check_change(noted, choice, state)
        durable.write(note, msgspec.json.encode(choice), sync=False)
    return Runtime(name=choice.name, program=choice.program, state=state, without=choice.without)


def candidates(wanted: str = "") -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Name, program and mounts to hide, best first; only runtime `wanted` if that is given. Raises MissingTool, UsageError."""
    if wanted not in ("", *NAMES):
        raise UsageError(f'"{wanted}" is not a runtime that Cais knows', hint='set CAIS_RUNTIME to "crun" or "runc"')
    found: list[tuple[str, str, tuple[str, ...]]] = []
    for name in NAMES:
        program = find_program(name) if wanted in ("", name) else None
        if program is None:
            continue
        found.append((name, program, ()))
        if name == "crun" and layout() == "hybrid":
            found.append((name, program, (HYBRID_MOUNT,)))
    if not found:
        raise MissingTool(
            f'the OCI runtime "{wanted}" is not installed' if wanted else "no OCI runtime is installed",
            hint=f"apt-get install {wanted or NAMES[0]}",
        )
    return tuple(found)


def _check_change(before: _Choice | None, after: _Choice, state: str) -> None:
    """One runtime cannot read what the other one knows of its containers."""
    if before is not None and before.name != after.name and os.path.isdir(state) and os.listdir(state):
        raise Conflict(
            f"containers made with {before.name} are still there, which {after.name} cannot handle",
            hint=f"stop them first, with CAIS_RUNTIME={before.name}",
        )


def _host_key(wanted: str) -> str:
    # An upgraded runtime or other cgroups ask for a new trial; two stat calls tell.
    parts = [wanted, layout()]
    for name in NAMES:
        program = find_program(name)
        if program is not None:
            status = os.stat(program)
            parts.append(f"{program}:{status.st_mtime_ns}:{status.st_size}")
    return " ".join(parts)


def _noted(note: str) -> _Choice | None:
    try:
        with open(note, "rb") as stream:
            return decoding.decode(stream.read(), _Choice)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
