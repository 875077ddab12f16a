from __future__ import annotations

import pytest

from cais.engine.native.limits import UNLIMITED, resources, rlimits
from cais.engine.native.oci import CpuLimits, MemoryLimits, PidsLimit
from cais.engine.protocol import ResourceLimits
from cais.errors import CaisError

ALL = frozenset({"memory", "memsw", "cpu", "cpuset", "pids"})


def test_nothing_asked_nothing_limited() -> None:
    warnings: list[str] = []
    found = resources(ResourceLimits(), frozenset(), warnings)
    assert (found.memory, found.cpu, found.pids, warnings) == (None, None, None, [])


def test_everything() -> None:
    warnings: list[str] = []
    limits = ResourceLimits(
        memory_bytes=64 << 20, memory_reservation_bytes=1 << 20, cpus=1.5, cpu_shares=512, cpuset="0-1", pids=100
    )
    found = resources(limits, ALL, warnings)
    assert found.memory == MemoryLimits(limit=64 << 20, reservation=1 << 20, swap=128 << 20)
    assert found.cpu == CpuLimits(shares=512, quota=150_000, period=100_000, cpus="0-1")
    assert found.pids == PidsLimit(limit=100)
    assert warnings == []


@pytest.mark.parametrize(("pids", "expected"), [(-1, None), (0, None), (7, PidsLimit(limit=7))])
def test_no_process_limit(pids: int, expected: PidsLimit | None) -> None:
    assert resources(ResourceLimits(pids=pids), ALL, []).pids == expected


def test_swap_as_asked() -> None:
    found = resources(ResourceLimits(memory_bytes=5, memory_swap_bytes=-1), ALL, []).memory
    assert found == MemoryLimits(limit=5, swap=-1)


@pytest.mark.parametrize(
    ("limits", "missing", "word"),
    [
        (ResourceLimits(memory_bytes=1), "memory", "memory limit"),
        (ResourceLimits(memory_bytes=1, memory_swap_bytes=2), "memsw", "swap limit"),
        (ResourceLimits(cpus=1.0), "cpu", "CPU limit"),
        (ResourceLimits(cpuset="0"), "cpuset", "CPU set"),
        (ResourceLimits(pids=1), "pids", "process limit"),
    ],
)
def test_a_missing_controller_is_a_warning(limits: ResourceLimits, missing: str, word: str) -> None:
    warnings: list[str] = []
    resources(limits, ALL - {missing}, warnings)
    assert len(warnings) == 1
    assert word in warnings[0]


def test_rlimits_have_a_default_a_ceiling_and_names() -> None:
    warnings: list[str] = []
    found = {one.type: (one.soft, one.hard) for one in rlimits({"core": (-1, -1)}, {"nofile": 2000}, warnings)}
    assert found == {"RLIMIT_NOFILE": (1024, 2000), "RLIMIT_CORE": (UNLIMITED, UNLIMITED)}
    assert warnings == []
    assert rlimits({"nofile": (10, 9000)}, {"nofile": 2000}, warnings)[0].hard == 2000
    assert len(warnings) == 1
    with pytest.raises(CaisError, match='"files"'):
        rlimits({"files": (1, 1)}, {}, [])
