"""What must not be left behind: mounts, namespaces, interfaces, cgroups, processes of one Cais root."""

import subprocess
from pathlib import Path

from tests.e2e.harness import until


def mounts(root: Path) -> list[str]:
    """Mount points below `root`."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return sorted(line.split()[4] for line in lines if line.split()[4].startswith(f"{root}/"))


def links() -> list[str]:
    """Network interfaces of this machine, Cais's own."""
    shown = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    names = [line.split(": ")[1].partition("@")[0] for line in shown.splitlines()]
    return sorted(name for name in names if name.startswith("cais"))


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


def state(root: Path) -> dict[str, list[str]]:
    """All of it, to be compared before and after."""
    return {
        "mounts": mounts(root),
        "links": links(),
        "monitors": [p for p in processes(str(root)) if p.startswith(("conmon", "/usr/bin/conmon"))],
    }


def check_same(root: Path, before: dict[str, list[str]]) -> None:
    """Fail unless all is as it was; the kernel takes interfaces away a moment after it was asked to."""
    until(lambda: state(root) == before or None, timeout_s=10)
