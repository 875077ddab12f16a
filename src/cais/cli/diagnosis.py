"""The checks of `cais doctor`: one function a subject, each giving findings."""

from __future__ import annotations

import enum
import os
import platform

import msgspec

from cais.durable import free_bytes
from cais.locations import Locations
from cais.proc import Command, find_program, run

LOW_SPACE_BYTES = 2 << 30


class Grade(enum.Enum):
    """How a finding is meant."""

    OK = "ok"
    REMARK = "remark"
    MISSING = "missing"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One finding; `package` installs what is missing."""

    grade: Grade
    subject: str
    text: str
    hint: str = ""
    package: str = ""


class Tool(msgspec.Struct, frozen=True):
    """A program Cais uses; `essential` ones are missing when absent, others only remarked."""

    program: str
    package: str
    purpose: str
    essential: bool = True
    version_flag: str = "--version"


TOOLS = (
    Tool("conmon", "conmon", "holds a container's output and exit status"),
    Tool("nft", "nftables", "published ports"),
    Tool("iptables", "iptables", "keeps forwarding open beside a Docker engine", essential=False),
    Tool("mmdebstrap", "mmdebstrap", "base images without a registry", essential=False),
    Tool("git", "git", "ADD and build contexts that are repositories", essential=False),
    Tool("ssh-agent", "openssh-client", "builds that are given SSH keys", essential=False, version_flag="-V"),
    Tool("/usr/bin/catatonit", "catatonit", "PID 1 for `init: true`", essential=False),
)


def diagnose(locations: Locations, uid: int) -> list[Finding]:
    """Everything, in the order a reader wants it."""
    return [
        _user(uid),
        Finding(grade=Grade.OK, subject="kernel", text=f"{platform.release()} on {platform.machine()}"),
        _overlay(),
        _cgroups(),
        _runtime(),
        *(_tool(tool) for tool in TOOLS),
        _seccomp(),
        *_forwarding(),
        _space(locations),
    ]


def _user(uid: int) -> Finding:
    if uid == 0:
        return Finding(grade=Grade.OK, subject="user", text="root")
    return Finding(
        grade=Grade.MISSING,
        subject="user",
        text="not root: containers cannot be started yet",
        hint="run cais with sudo",
    )


def _overlay() -> Finding:
    with open("/proc/filesystems", encoding="ascii") as stream:
        known = any(line.split()[-1] == "overlay" for line in stream)
    if known:
        return Finding(grade=Grade.OK, subject="overlayfs", text="known to the kernel")
    return Finding(grade=Grade.REMARK, subject="overlayfs", text="not loaded", hint="modprobe overlay")


def _cgroups() -> Finding:
    if os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        with open("/sys/fs/cgroup/cgroup.controllers", encoding="ascii") as stream:
            return Finding(grade=Grade.OK, subject="cgroups", text=f"version 2: {stream.read().strip()}")
    if not os.path.isdir("/sys/fs/cgroup/memory") and not os.path.isdir("/sys/fs/cgroup/pids"):
        return Finding(grade=Grade.REMARK, subject="cgroups", text="none mounted: limits cannot be set")
    hybrid = " (hybrid)" if os.path.isdir("/sys/fs/cgroup/unified") else ""
    controllers = sorted(name for name in os.listdir("/sys/fs/cgroup") if name not in {"unified", "systemd"})
    return Finding(grade=Grade.OK, subject="cgroups", text=f"version 1{hybrid}: {' '.join(controllers)}")


def _version(program: str, flag: str) -> str:
    outcome = run(Command(argv=(program, flag), timeout_s=5))
    lines = (outcome.stdout or outcome.stderr).decode(errors="replace").splitlines()
    return lines[0] if lines else "no version"


def _runtime() -> Finding:
    found = [name for name in ("crun", "runc") if find_program(name)]
    if found:
        return Finding(
            grade=Grade.OK, subject="OCI runtime", text=", ".join(_version(name, "--version") for name in found)
        )
    return Finding(
        grade=Grade.MISSING, subject="OCI runtime", text="neither crun nor runc is installed", package="crun"
    )


def _tool(tool: Tool) -> Finding:
    name = os.path.basename(tool.program)
    if find_program(tool.program):
        return Finding(grade=Grade.OK, subject=name, text=_version(tool.program, tool.version_flag))
    grade = Grade.MISSING if tool.essential else Grade.REMARK
    return Finding(
        grade=grade,
        subject=name,
        text=f"not installed; it {tool.purpose}" if tool.essential else f"not installed; for: {tool.purpose}",
        package=tool.package,
    )


def _seccomp() -> Finding:
    path = "/usr/share/containers/seccomp.json"
    if os.path.exists(path):
        return Finding(grade=Grade.OK, subject="seccomp profile", text=path)
    return Finding(
        grade=Grade.MISSING, subject="seccomp profile", text="not installed", package="golang-github-containers-common"
    )


def _forwarding() -> list[Finding]:
    """A running Docker engine sets the FORWARD policy to DROP; bridges of others then lose TCP between containers."""
    if not find_program("iptables"):
        return []
    outcome = run(Command(argv=("iptables", "-S", "FORWARD"), timeout_s=5))
    if outcome.ok and b"-P FORWARD DROP" in outcome.stdout:
        text = "FORWARD policy is DROP (a Docker engine does this); Cais adds accept rules for its own bridges"
        return [Finding(grade=Grade.REMARK, subject="forwarding", text=text)]
    return [Finding(grade=Grade.OK, subject="forwarding", text="not closed by other rules")]


def _space(locations: Locations) -> Finding:
    folder = locations.root
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    free = free_bytes(folder)
    grade = Grade.OK if free > LOW_SPACE_BYTES else Grade.REMARK
    return Finding(grade=grade, subject="space", text=f"{free / 1e9:.1f} GB free for {locations.root}")
