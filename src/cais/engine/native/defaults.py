"""What Docker gives every container unless told otherwise (Docker's documented defaults, "Runtime privilege and Linux capabilities")."""

from __future__ import annotations

from collections.abc import Iterable

from cais.engine.native.oci import Capabilities, DenyAll, DeviceRule, Mount

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEFAULT_SHM_BYTES = 64 << 20

CAPABILITIES = (
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
)

MASKED_PATHS = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)

READ_ONLY_PATHS = (
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
)

DEVICE_RULES: tuple[DenyAll | DeviceRule, ...] = (
    DenyAll(),
    DeviceRule(allow=True, type="c", access="m"),
    DeviceRule(allow=True, type="b", access="m"),
    DeviceRule(allow=True, type="c", major=1, minor=3, access="rwm"),  # null
    DeviceRule(allow=True, type="c", major=1, minor=5, access="rwm"),  # zero
    DeviceRule(allow=True, type="c", major=1, minor=7, access="rwm"),  # full
    DeviceRule(allow=True, type="c", major=1, minor=8, access="rwm"),  # random
    DeviceRule(allow=True, type="c", major=1, minor=9, access="rwm"),  # urandom
    DeviceRule(allow=True, type="c", major=5, minor=0, access="rwm"),  # tty
    DeviceRule(allow=True, type="c", major=5, minor=1, access="rwm"),  # console
    DeviceRule(allow=True, type="c", major=5, minor=2, access="rwm"),  # ptmx
    DeviceRule(allow=True, type="c", major=136, access="rwm"),  # pts/*
)


def standard_mounts(*, shm_size_bytes: int | None, privileged: bool, cgroup: bool) -> tuple[Mount, ...]:
    """/proc, /dev and what is under it, /sys. No private /dev/shm when `shm_size_bytes` is None."""
    sys_access = "rw" if privileged else "ro"
    mounts = [
        Mount(destination="/proc", type="proc", source="proc", options=("nosuid", "noexec", "nodev")),
        Mount(
            destination="/dev",
            type="tmpfs",
            source="tmpfs",
            options=("nosuid", "strictatime", "mode=755", "size=65536k"),
        ),
        Mount(
            destination="/dev/pts",
            type="devpts",
            source="devpts",
            options=("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
        ),
        Mount(destination="/sys", type="sysfs", source="sysfs", options=("nosuid", "noexec", "nodev", sys_access)),
    ]
    if cgroup:
        mounts.append(
            Mount(
                destination="/sys/fs/cgroup",
                type="cgroup",
                source="cgroup",
                options=("nosuid", "noexec", "nodev", "relatime", sys_access),
            )
        )
    mounts.append(
        Mount(destination="/dev/mqueue", type="mqueue", source="mqueue", options=("nosuid", "noexec", "nodev"))
    )
    if shm_size_bytes is not None:
        mounts.append(
            Mount(
                destination="/dev/shm",
                type="tmpfs",
                source="shm",
                options=("nosuid", "noexec", "nodev", "mode=1777", f"size={shm_size_bytes}"),
            )
        )
    return tuple(mounts)


def grant(names: Iterable[str], uid: int) -> Capabilities:
    """`names` for a process of user `uid`: a user other than root can only gain them through a file that has them, as in Docker."""
    allowed = tuple(names)
    if uid == 0:
        return Capabilities(bounding=allowed, effective=allowed, permitted=allowed)
    return Capabilities(bounding=allowed)
