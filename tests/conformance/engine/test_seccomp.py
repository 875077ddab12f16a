"""The system calls a container may make are those that Docker allows it, with every capability that opens some."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from bench.docker import DockerTool
from tests.conformance.engine.cases import IMAGE
from tests.conformance.engine.sides import Side, furnish

pytestmark = [pytest.mark.root, pytest.mark.docker]

CAPABILITIES = (
    *(
        "NONE",
        "ALL",
        "SYS_ADMIN",
        "SYS_PTRACE",
        "SYS_NICE",
        "SYSLOG",
        "SYS_BOOT",
        "BPF",
        "PERFMON",
        "SYS_TIME",
        "SYS_MODULE",
    ),
    *("SYS_RAWIO", "SYS_TTY_CONFIG", "SYS_PACCT", "DAC_READ_SEARCH"),
)
# Calls on which the two differ, and why that is right. One on which they no longer do fails.
ACCEPTED = {
    **dict.fromkeys(
        ("readdir", "sigaction", "signal", "sigpending", "sigsuspend"),
        "of 32-bit programs only, long without effect on others; containers-common lets them through",
    ),
    **dict.fromkeys(("syscall", "timerfd"), "no calls of this machine"),
    "query_module": "gone from the kernel since 2.6",
}

Rules = Mapping[str, frozenset[str]]


def allowed(path: Path) -> Rules:
    """Name -> the conditions under which it is allowed."""
    found: dict[str, set[str]] = {}
    for rule in json.loads(path.read_bytes())["linux"]["seccomp"]["syscalls"]:
        if rule["action"] == "SCMP_ACT_ALLOW":
            for name in rule["names"]:
                found.setdefault(name, set()).add(json.dumps([_plain(one) for one in rule.get("args") or []]))
    # Allowed whatever the arguments are, so conditions add nothing.
    return {name: frozenset({"[]"} if "[]" in conditions else conditions) for name, conditions in found.items()}


def _plain(argument: dict[str, Any]) -> list[Any]:
    return [argument["index"], argument["value"], argument.get("valueTwo", 0), argument["op"]]


@pytest.fixture(scope="module")
def rules(sides: tuple[Side, Side], cais_root: Path, docker: DockerTool) -> dict[str, tuple[Rules, Rules]]:
    lines = ["services:"]
    for name in CAPABILITIES:
        lines += [
            f"  {name.lower()}:",
            f"    image: {IMAGE}",
            "    command: [sleep, infinity]",
            "    stop_grace_period: 0s",
        ]
        lines += [] if name == "NONE" else [f"    cap_add: [{name}]"]
    bundles = (
        cais_root / "run/containers",
        Path(docker.programs).parent / "exec/containerd/daemon/io.containerd.runtime.v2.task/moby",
    )
    found: dict[str, list[Rules]] = {name: [] for name in CAPABILITIES}
    for side, folder in zip(sides, bundles, strict=True):
        furnish(side.folder, "\n".join(lines) + "\n")
        assert side.run("up", "-d").code == 0
        for name in CAPABILITIES:
            container = side.run("ps", "-q", name.lower()).stdout.strip()
            found[name].append(allowed(folder / container / "config.json"))
    return {name: (ours, theirs) for name, (ours, theirs) in found.items()}


def differing(ours: Rules, theirs: Rules) -> dict[str, str]:
    return {
        name: f"Cais {sorted(ours.get(name, []))}, Docker {sorted(theirs.get(name, []))}"
        for name in sorted(ours.keys() | theirs.keys())
        if ours.get(name) != theirs.get(name)
    }


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_the_same_calls_are_allowed(capability: str, rules: dict[str, tuple[Rules, Rules]]) -> None:
    found = differing(*rules[capability])
    assert not {name: both for name, both in found.items() if name not in ACCEPTED}


def test_every_accepted_difference_still_shows(rules: dict[str, tuple[Rules, Rules]]) -> None:
    shown = {name for both in rules.values() for name in differing(*both)}
    assert set(ACCEPTED) <= shown
