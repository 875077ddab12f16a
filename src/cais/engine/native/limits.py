"""ResourceLimits turned into what the runtime takes, as far as this machine's cgroups allow. Pure but for `controllers`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from cais.engine.native.cgroup import ROOT, layout
from cais.engine.native.oci import CpuLimits, MemoryLimits, PidsLimit, Resources, Rlimit
from cais.engine.protocol import ResourceLimits
from cais.errors import CaisError

CPU_PERIOD_US = 100_000
UNLIMITED = 2**64 - 1
DEFAULT_NOFILE = (
    1024,
    524288,
)  # what a Docker daemon under systemd hands down; without it the caller's shell would decide

RLIMITS = (
    "as",
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
)


_V1_FEATURES = {
    "memsw": "memory/memory.memsw.limit_in_bytes",
    "swappiness": "memory/memory.swappiness",
    "oom-kill": "memory/memory.oom_control",
    "cpu-realtime": "cpu/cpu.rt_runtime_us",
    "block-rate": "blkio/blkio.throttle.read_bps_device",
}
_WEIGHT_FILES = ("blkio/cais/blkio.weight", "cais/io.weight", "cais/io.bfq.weight")  # those that crun writes


def controllers() -> frozenset[str]:
    """The cgroup controllers of this machine, and what some of them can: "memsw" counts swap, "swappiness", "oom-kill" (which can be
    switched off), "cpu-realtime", "block-rate" and "block-weight"."""
    kind = layout()
    if kind == "v2":
        with open(f"{ROOT}/cgroup.controllers", encoding="ascii") as stream:
            names = set(stream.read().split())
        if "memory" in names and os.path.exists("/proc/swaps"):
            names.add("memsw")
        if "io" in names:
            names.add("block-rate")
    else:
        names = set(os.listdir(ROOT)) if kind != "none" else set()
        if "cpu,cpuacct" in names:
            names.add("cpu")
        names.update(name for name, file in _V1_FEATURES.items() if os.path.exists(f"{ROOT}/{file}"))
    # The root of a hierarchy has no weight.
    if any(os.path.exists(f"{ROOT}/{file}") for file in _WEIGHT_FILES):
        names.add("block-weight")
    return frozenset(names)


def resources(limits: ResourceLimits, available: AbstractSet[str], warnings: list[str]) -> Resources:
    """The cgroup part; a limit whose controller is missing goes to `warnings` instead."""
    return Resources(
        memory=_memory(limits, available, warnings),
        cpu=_cpu(limits, available, warnings),
        pids=_pids(limits, available, warnings),
    )


def ceilings(able: Sequence[str]) -> Mapping[str, int]:
    """The hard limits this process cannot go above, by name; none when it has the right to raise them (setrlimit(2))."""
    if "CAP_SYS_RESOURCE" in able:
        return {}
    import resource

    limits = {name: getattr(resource, f"RLIMIT_{name.upper()}", None) for name in RLIMITS}
    hard = {name: resource.getrlimit(number)[1] for name, number in limits.items() if number is not None}
    return {name: value for name, value in hard.items() if value != resource.RLIM_INFINITY}


def rlimits(
    ulimits: Mapping[str, tuple[int, int]], ceiling: Mapping[str, int], warnings: list[str]
) -> tuple[Rlimit, ...]:
    """`ulimits` as resource limits (setrlimit(2)); -1 is no limit. Raises CaisError for an unknown name.

    What is above `ceiling` is cut to it, with a warning where the user asked for more.
    """
    result = []
    for name, asked in {"nofile": DEFAULT_NOFILE, **ulimits}.items():
        if name not in RLIMITS:
            raise CaisError(f'"{name}" is not a resource limit', hint=f"use one of {', '.join(RLIMITS)}")
        soft, hard = (UNLIMITED if value < 0 else value for value in asked)
        most = ceiling.get(name, UNLIMITED)
        if hard > most and name in ulimits:
            warnings.append(f'ulimit "{name}" is limited to {most}: Cais itself runs with that limit')
        result.append(Rlimit(type=f"RLIMIT_{name.upper()}", soft=min(soft, most), hard=min(hard, most)))
    return tuple(result)


def _memory(limits: ResourceLimits, available: AbstractSet[str], warnings: list[str]) -> MemoryLimits | None:
    asked = (limits.memory_bytes, limits.memory_reservation_bytes, limits.memory_swap_bytes, limits.memory_swappiness)
    if all(value is None for value in asked) and not limits.oom_kill_disable:
        return None
    if "memory" not in available:
        warnings.append("the memory limit is not enforced: this machine has no memory cgroup controller")
        return None
    swap = limits.memory_swap_bytes
    if swap is None and limits.memory_bytes is not None and limits.memory_bytes > 0 and "memsw" in available:
        swap = 2 * limits.memory_bytes  # Docker's default: as much swap as memory
    if swap is not None and "memsw" not in available:
        warnings.append("the swap limit is not enforced: this machine does not count swap")
        swap = None
    swappiness = limits.memory_swappiness
    if swappiness is not None and "swappiness" not in available:
        warnings.append("mem_swappiness is not enforced: this machine's cgroups (v2) know no such thing")
        swappiness = None
    may_disable = "oom-kill" in available
    if limits.oom_kill_disable and not may_disable:
        warnings.append("oom_kill_disable is not enforced: this machine's cgroups (v2) know no such thing")
    return MemoryLimits(
        limit=limits.memory_bytes,
        reservation=limits.memory_reservation_bytes,
        swap=swap,
        swappiness=swappiness,
        disable_oom_killer=limits.oom_kill_disable and may_disable,
    )


def _cpu(limits: ResourceLimits, available: AbstractSet[str], warnings: list[str]) -> CpuLimits | None:
    quota, period, shares, cpuset = limits.cpu_quota_us, limits.cpu_period_us, limits.cpu_shares, limits.cpuset
    if limits.cpus is not None:
        quota, period = int(limits.cpus * CPU_PERIOD_US), CPU_PERIOD_US
    if (quota, period, shares) != (None, None, None) and "cpu" not in available:
        warnings.append("the CPU limit is not enforced: this machine has no cpu cgroup controller")
        quota = period = shares = None
    realtime = (limits.cpu_realtime_runtime_us, limits.cpu_realtime_period_us)
    if realtime != (None, None) and "cpu-realtime" not in available:
        warnings.append(
            "cpu_rt_runtime and cpu_rt_period are not enforced: this machine's cgroups have no such control"
        )
        realtime = (None, None)
    if cpuset and "cpuset" not in available:
        warnings.append("the CPU set is not enforced: this machine has no cpuset cgroup controller")
        cpuset = None
    if (quota, period, shares, *realtime) == (None,) * 5 and not cpuset:
        return None
    return CpuLimits(
        shares=shares,
        quota=quota,
        period=period,
        realtime_runtime=realtime[0],
        realtime_period=realtime[1],
        cpus=cpuset or "",
    )


def _pids(limits: ResourceLimits, available: AbstractSet[str], warnings: list[str]) -> PidsLimit | None:
    if limits.pids is None or limits.pids <= 0:
        return None  # a new cgroup has no limit; asked for "no limit" outright, crun 1.8 writes a -1 that cgroups v1 refuse
    if "pids" not in available:
        warnings.append("the process limit is not enforced: this machine has no pids cgroup controller")
        return None
    return PidsLimit(limit=limits.pids)
