"""The OCI runtime specification's config.json as types (config.md, config-linux.md); only what Cais says."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

VERSION = "1.0.2"


class Object(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Base of all: camel case, defaults left out."""


class User(Object, frozen=True, kw_only=True, omit_defaults=False):
    """`process.user`."""

    uid: int = 0
    gid: int = 0
    additional_gids: tuple[int, ...] = ()
    umask: int | msgspec.UnsetType = msgspec.UNSET


class Capabilities(Object, frozen=True, kw_only=True):
    """`process.capabilities`."""

    bounding: tuple[str, ...] = ()
    effective: tuple[str, ...] = ()
    permitted: tuple[str, ...] = ()
    inheritable: tuple[str, ...] = ()
    ambient: tuple[str, ...] = ()


class Rlimit(Object, frozen=True, kw_only=True):
    """One entry of `process.rlimits`."""

    type: str
    soft: int
    hard: int


class ConsoleSize(Object, frozen=True, kw_only=True):
    """`process.consoleSize`, in characters."""

    height: int
    width: int


class Process(Object, frozen=True, kw_only=True):
    """`process`."""

    args: tuple[str, ...]
    cwd: str
    env: tuple[str, ...] = ()
    terminal: bool = False
    console_size: ConsoleSize | None = None
    user: User = User()
    capabilities: Capabilities | None = None
    rlimits: tuple[Rlimit, ...] = ()
    no_new_privileges: bool = False
    oom_score_adj: int | None = None
    apparmor_profile: str = ""


class Mount(Object, frozen=True, kw_only=True):
    """One entry of `mounts`."""

    destination: str
    type: str = ""
    source: str = ""
    options: tuple[str, ...] = ()


class Namespace(Object, frozen=True, kw_only=True):
    """One entry of `linux.namespaces`; with `path` an existing one is joined."""

    type: str
    path: str = ""


class Device(Object, frozen=True, kw_only=True):
    """One entry of `linux.devices`."""

    path: str
    type: str
    major: int
    minor: int
    file_mode: int
    uid: int = 0
    gid: int = 0


class DeviceRule(Object, frozen=True, kw_only=True):
    """One entry of `linux.resources.devices`; None is any number."""

    allow: bool
    type: str = ""
    major: int | None = None
    minor: int | None = None
    access: str = ""


class DenyAll(Object, frozen=True, kw_only=True, omit_defaults=False):
    """The first device rule: nothing is allowed unless a later one says so."""

    allow: bool = False
    access: str = "rwm"


class MemoryLimits(Object, frozen=True, kw_only=True):
    """`linux.resources.memory`, in bytes."""

    limit: int | None = None
    reservation: int | None = None
    swap: int | None = None
    swappiness: int | None = None
    disable_oom_killer: bool = msgspec.field(name="disableOOMKiller", default=False)


class CpuLimits(Object, frozen=True, kw_only=True):
    """`linux.resources.cpu`; times in microseconds."""

    shares: int | None = None
    quota: int | None = None
    period: int | None = None
    realtime_runtime: int | None = None
    realtime_period: int | None = None
    cpus: str = ""


class PidsLimit(Object, frozen=True, kw_only=True):
    """`linux.resources.pids`."""

    limit: int


class BlockWeight(Object, frozen=True, kw_only=True):
    """One entry of `linux.resources.blockIO.weightDevice`."""

    major: int
    minor: int
    weight: int


class BlockRate(Object, frozen=True, kw_only=True):
    """One entry of the throttled devices of `linux.resources.blockIO`."""

    major: int
    minor: int
    rate: int


class BlockIo(Object, frozen=True, kw_only=True):
    """`linux.resources.blockIO`."""

    weight: int | None = None
    weight_device: tuple[BlockWeight, ...] = ()
    read_bytes: tuple[BlockRate, ...] = msgspec.field(name="throttleReadBpsDevice", default=())
    write_bytes: tuple[BlockRate, ...] = msgspec.field(name="throttleWriteBpsDevice", default=())
    read_operations: tuple[BlockRate, ...] = msgspec.field(name="throttleReadIOPSDevice", default=())
    write_operations: tuple[BlockRate, ...] = msgspec.field(name="throttleWriteIOPSDevice", default=())


class Resources(Object, frozen=True, kw_only=True):
    """`linux.resources`."""

    devices: tuple[DenyAll | DeviceRule, ...] = ()
    memory: MemoryLimits | None = None
    cpu: CpuLimits | None = None
    pids: PidsLimit | None = None
    block_io: BlockIo | None = msgspec.field(name="blockIO", default=None)


class SyscallArgument(Object, frozen=True, kw_only=True, omit_defaults=False):
    """A condition on one argument of a system call."""

    index: int
    value: int
    value_two: int
    op: str


class Syscall(Object, frozen=True, kw_only=True):
    """One rule of a seccomp filter."""

    names: tuple[str, ...]
    action: str
    errno_ret: int | None = None
    args: tuple[SyscallArgument, ...] = ()


class Seccomp(Object, frozen=True, kw_only=True):
    """`linux.seccomp`."""

    default_action: str
    default_errno_ret: int | None = None
    architectures: tuple[str, ...] = ()
    syscalls: tuple[Syscall, ...] = ()


class Linux(Object, frozen=True, kw_only=True):
    """`linux`."""

    namespaces: tuple[Namespace, ...] = ()
    devices: tuple[Device, ...] = ()
    cgroups_path: str = ""
    resources: Resources | None = None
    rootfs_propagation: str = ""
    seccomp: Seccomp | None = None
    sysctl: Mapping[str, str] = {}
    masked_paths: tuple[str, ...] = ()
    readonly_paths: tuple[str, ...] = ()


class Root(Object, frozen=True, kw_only=True):
    """`root`."""

    path: str
    readonly: bool = False


class Config(Object, frozen=True, kw_only=True):
    """config.json."""

    oci_version: str
    process: Process
    root: Root
    mounts: tuple[Mount, ...] = ()
    hostname: str = ""
    domainname: str = ""
    linux: Linux
    annotations: Mapping[str, str] = {}


def encode(value: Config | Process) -> bytes:
    """The JSON that a runtime reads."""
    return msgspec.json.encode(value)
