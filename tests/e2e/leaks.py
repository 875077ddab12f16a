"""What must not be left behind: mounts, namespaces, interfaces, monitors of one Cais root. Others may be testing on this machine."""

import contextlib
import json
import os
from pathlib import Path

from cais.database import Database
from cais.engine.native import defaultnet
from cais.engine.native.network import plan
from cais.engine.native.network.rows import Rows
from cais.supervise.history import History
from tests.e2e.harness import Cais, until


def mounts(root: Path) -> list[str]:
    """Mount points below `root`."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return sorted(line.split()[4] for line in lines if line.split()[4].startswith(f"{root}/"))


def links(project: Cais) -> list[str]:
    """Bridges and interfaces of the project's networks and containers, also of those that ended and of which no row is left."""
    there = set(os.listdir("/sys/class/net"))
    root, networks = str(project.root), _networks(project)
    bridges = {plan.bridge_name(root, name) for name in networks}
    ends = {plan.interface_name(root, identifier, name) for identifier in _started(project) for name in networks}
    return sorted((bridges | ends) & there)


def _networks(project: Cais) -> set[str]:
    """The names of the networks that the root has, or that the project would have."""
    with contextlib.closing(Database(str(project.root / "cais.db"))) as database:
        found = {defaultnet.NAME, *(state.spec.name for state in Rows(database).networks())}
    shown = project.run("config", "--format", "json")
    if shown.code == 0:
        found |= {network["name"] for network in json.loads(shown.stdout).get("networks", {}).values()}
    return found


def _started(project: Cais) -> set[str]:
    """The ids of the containers that the root's supervisors have seen start lately."""
    with contextlib.closing(Database(str(project.root / "cais.db"))) as database:
        History(database, "")  # makes the table, where no supervisor has run yet
        rows = database.connection().execute("SELECT DISTINCT container_id FROM supervise_events")
        return {row[0] for row in rows}


def processes(word: str) -> list[str]:
    """Command lines that contain `word`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:  # it ended meanwhile
            continue
        if word in line:
            found.append(line)
    return sorted(found)


def state(project: Cais) -> dict[str, list[str]]:
    """All of it, to be compared before and after."""
    return {
        "mounts": mounts(project.root),
        "links": links(project),
        "monitors": [p for p in processes(str(project.root)) if p.startswith(("conmon", "/usr/bin/conmon"))],
    }


def check_same(project: Cais, before: dict[str, list[str]]) -> None:
    """Fail unless all is as it was; the kernel takes interfaces away a moment after it was asked to."""
    with contextlib.suppress(AssertionError):  # what is there then is shown
        until(lambda: state(project) == before or None, timeout_s=60)
    assert state(project) == before
