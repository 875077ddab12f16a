"""What attributes of a container do inside it, on the real runtime: one row, one attribute."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.e2e.engine.surroundings import World

from cais.engine.details import BlockLimits
from cais.engine.native.cgroup import ROOT
from cais.engine.native.limits import controllers
from cais.engine.protocol import ContainerState, ResourceLimits, State
from cais.errors import CaisError
from cais.events import MessageEvent

pytestmark = pytest.mark.root

HERE = os.uname().nodename


def output(world: World, line: str, name: str = "a", /, **fields: object) -> str:
    """What a container that runs `line` printed."""
    state = world.engine.start(world.engine.create(world.spec(name, "sh", "-c", line, **fields)).id)
    while world.engine.settle(state.id).state is State.RUNNING:
        pass
    return "\n".join(entry.text for entry in world.engine.logs(state.id))


def warnings(world: World) -> str:
    return "\n".join(event.text for event in world.sink.events if isinstance(event, MessageEvent))


@pytest.mark.parametrize(
    ("fields", "line", "expected"),
    [
        ({"uts_mode": "host"}, "hostname", HERE),
        ({"cgroup_mode": "host"}, "readlink /proc/self/ns/cgroup", os.readlink("/proc/self/ns/cgroup")),
        ({"umask": 0o27}, "umask", "0027"),
        ({"runtime": "runc"}, "echo runs", "runs"),
        ({"runtime": "io.containerd.runc.v2", "tty": True}, "test -t 1 && echo terminal", "terminal\r"),
        (
            {"device_rules": ("c 1:11 rm", "b 7:* m")},
            "grep -e '1:11' -e '7:' /sys/fs/cgroup/devices/devices.list",
            "c 1:11 rm\nb 7:* m",
        ),
    ],
    ids=str,
)
def test_inside(world: World, fields: Mapping[str, object], line: str, expected: str) -> None:
    if "device_rules" in fields and not os.path.isdir(f"{ROOT}/devices"):
        pytest.skip("cgroups v2 do not list their device rules")
    assert output(world, line, **fields) == expected


def test_a_private_cgroup_namespace(world: World) -> None:
    assert output(world, "readlink /proc/self/ns/cgroup", cgroup_mode="private") != os.readlink("/proc/self/ns/cgroup")


def test_a_parent_of_its_own(world: World) -> None:
    state = world.engine.create(world.spec("a", cgroup_parent="/cais-test-parent/deep"))
    world.engine.start(state.id)
    with open(f"/proc/{world.engine.processes(state.id)[0]}/cgroup", encoding="ascii") as stream:
        assert f"/cais-test-parent/deep/{state.id}" in stream.read()
    assert len(world.engine.processes(state.id)) == 1
    world.engine.remove(state.id, force=True)
    left = [folder for folder, _, _ in os.walk(ROOT) if state.id in folder]
    assert left == []


CONTROLS = (
    (ResourceLimits(memory_bytes=32 << 20, memory_swappiness=7), "swappiness", "memory/memory.swappiness", "7"),
    (ResourceLimits(oom_kill_disable=True), "oom-kill", "memory/memory.oom_control", "oom_kill_disable 1"),
    (ResourceLimits(cpu_quota_us=20_000, cpu_period_us=40_000), "cpu", "cpu/cpu.cfs_period_us", "40000"),
    (ResourceLimits(cpu_quota_us=20_000), "cpu", "cpu/cpu.cfs_quota_us", "20000"),
    (
        ResourceLimits(cpu_realtime_runtime_us=30_000, cpu_realtime_period_us=1_000_000),
        "cpu-realtime",
        "cpu/cpu.rt_runtime_us",
        "30000",
    ),
    (ResourceLimits(block=BlockLimits(weight=300)), "block-weight", "blkio/blkio.weight", "300"),
)


@pytest.mark.parametrize(("limits", "control", "file", "expected"), CONTROLS, ids=[row[2] for row in CONTROLS])
def test_limits(world: World, limits: ResourceLimits, control: str, file: str, expected: str) -> None:
    """Enforced where this machine can, said where it cannot. Which file holds it depends on the cgroups' version."""
    text = output(world, f"cat /sys/fs/cgroup/{file} 2>/dev/null; true", limits=limits)
    if control not in controllers():
        assert "is not enforced" in warnings(world) or "are not enforced" in warnings(world)
    elif os.path.isdir(f"{ROOT}/memory"):
        assert expected in text


def test_rates_of_block_devices(world: World) -> None:
    disk = next((f"/dev/{name}" for name in sorted(os.listdir("/sys/block")) if os.path.exists(f"/dev/{name}")), None)
    if disk is None:
        pytest.skip("this machine has no block device")
    number = os.stat(disk).st_rdev
    limits = ResourceLimits(
        block=BlockLimits(
            read_bytes=((disk, 1 << 20),),
            write_bytes=((disk, 2 << 20),),
            read_operations=((disk, 30),),
            write_operations=((disk, 40),),
        )
    )
    files = " ".join(
        f"/sys/fs/cgroup/blkio/blkio.throttle.{name}_device"
        for name in ("read_bps", "write_bps", "read_iops", "write_iops")
    )
    text = output(world, f"cat {files} 2>/dev/null; true", limits=limits)
    if "block-rate" not in controllers():
        assert "block device rate is not enforced" in warnings(world)
    elif os.path.isdir(f"{ROOT}/blkio"):
        key = f"{os.major(number)}:{os.minor(number)}"
        assert text.splitlines() == [f"{key} {value}" for value in (1 << 20, 2 << 20, 30, 40)]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"limits": ResourceLimits(block=BlockLimits(read_bytes=(("/dev/nothing", 1),)))}, "/dev/nothing"),
        ({"limits": ResourceLimits(block=BlockLimits(read_bytes=(("/dev/null", 1),)))}, "no block device"),
        ({"device_rules": ("c 1 rwm",)}, 'device rule "c 1 rwm"'),
        ({"runtime": "runsc"}, '"runsc" is not a runtime'),
    ],
    ids=str,
)
def test_refused(world: World, fields: Mapping[str, object], message: str) -> None:
    if "limits" in fields and "block-rate" not in controllers():
        pytest.skip("this machine has no limits of block devices")
    with pytest.raises(CaisError, match=message):
        world.engine.start(world.engine.create(world.spec("a", **fields)).id)


def test_annotations_reach_the_runtime(world: World) -> None:
    state: ContainerState = world.engine.create(world.spec("a", annotations={"org.example": "yes"}))
    world.engine.start(state.id)
    with open(f"{world.locations.run}/containers/{state.id}/config.json", encoding="utf-8") as stream:
        assert '"annotations":{"org.example":"yes"}' in stream.read()


def test_two_runtimes_side_by_side(world: World) -> None:
    """Each knows its own containers only; commands, ends and repairs find the right one."""
    own = world.engine.start(world.engine.create(world.spec("a", runtime="runc")).id)
    other = world.engine.start(world.engine.create(world.spec("b")).id)
    for state in (own, other):
        assert world.engine.probe(state.id, ("CMD", "true"), 5.0).exit_code == 0
        assert world.engine.stop(state.id, timeout_s=0).killed
    assert world.engine.repair() == ()
    assert {state.state for state in world.engine.containers()} == {State.EXITED}


def test_security_modules_that_this_machine_does_not_have(world: World) -> None:
    options = ("apparmor=some-profile", "label=type:some_t")
    if os.path.exists("/sys/module/apparmor") or os.path.exists("/sys/fs/selinux"):
        pytest.skip("this machine has a security module")
    assert output(world, "echo runs", security_opt=options) == "runs"
    assert "apparmor has no effect: this machine has no AppArmor" in warnings(world)
    assert "label has no effect: this machine has no SELinux" in warnings(world)


def test_a_seccomp_profile_of_the_user_s(world: World, tmp_path: Path) -> None:
    profile = tmp_path / "profile.json"
    rule = '{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}'
    profile.write_text(f'{{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{rule}]}}')
    line = "touch /tmp/file && echo file; mkdir /tmp/folder 2>/dev/null || echo no folder"
    assert output(world, line, security_opt=(f"seccomp={profile}",)) == "file\nno folder"
    with pytest.raises(CaisError, match="cannot read the seccomp profile"):
        output(world, "true", "b", security_opt=("seccomp=/no/such.json",))
