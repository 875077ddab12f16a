"""A ContainerSpec and what was found out about it turned into the runtime's config.json. Pure.

Where Docker has a rule for something that a Compose file leaves open, Docker's rule holds.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cais.engine.native import oci
from cais.engine.native.cgroup import path_of
from cais.engine.native.defaults import (
    CAPABILITIES,
    DEFAULT_PATH,
    DEFAULT_SHM_BYTES,
    DEVICE_RULES,
    MASKED_PATHS,
    READ_ONLY_PATHS,
    grant,
    standard_mounts,
)
from cais.engine.native.limits import resources, rlimits
from cais.engine.native.security import Security
from cais.engine.protocol import ContainerSpec
from cais.errors import CaisError
from cais.images.model import RunConfig
from cais.linux.capabilities import tweak
from cais.linux.users import Identity

INIT_TARGET = "/sbin/docker-init"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a configuration depends on besides the ContainerSpec.

    `root` is the mounted root, `mounts` are the spec's own and the /etc files, resolved. Of the namespaces, "" is a new one, "host" the
    host's, else the path of one to join. `shm` is the host folder to show at /dev/shm, "" for a private tmpfs. `seccomp` is None for no
    filter. `able` are the capabilities this machine can give, `controllers` its cgroup controllers,
    `ceilings` the hard resource limits it cannot exceed.
    """

    container_id: str
    root: str
    image: RunConfig
    identity: Identity
    hostname: str
    security: Security
    seccomp: oci.Seccomp | None
    able: tuple[str, ...]
    controllers: frozenset[str]
    ceilings: Mapping[str, int] = {}
    cgroup_v2: bool = False
    network: str = ""
    pid: str = ""
    ipc: str = ""
    shm: str = ""
    init_program: str = ""
    mounts: tuple[oci.Mount, ...] = ()
    devices: tuple[oci.Device, ...] = ()
    device_rules: tuple[oci.DeviceRule, ...] = ()
    block: oci.BlockIo | None = None


def configure(spec: ContainerSpec, facts: Facts, warnings: list[str]) -> oci.Config:
    """The configuration. Limits this machine cannot enforce are told in `warnings`. Raises CaisError."""
    return oci.Config(
        oci_version=oci.VERSION,
        process=_process(spec, facts, warnings),
        root=oci.Root(path=facts.root, readonly=spec.read_only),
        mounts=_mounts(spec, facts),
        # The host's own name is not ours to set.
        hostname="" if spec.uts_mode == "host" else facts.hostname,
        linux=_linux(spec, facts, warnings),
        annotations=spec.annotations,
    )


def command_line(spec: ContainerSpec, image: RunConfig) -> tuple[str, ...]:
    """What PID 1 is: the entry point and its arguments, by Docker's rules. Raises CaisError when there is nothing to run."""
    entrypoint, command = spec.entrypoint, spec.command
    if not entrypoint:
        command = command or image.cmd
        entrypoint = image.entrypoint if entrypoint is None else entrypoint
    if entrypoint == ("",):  # the way to say "none" where an empty list means "the image's"
        entrypoint = ()
    line = (*(entrypoint or ()), *(command or ()))
    if not line:
        raise CaisError(
            f'container "{spec.name}" has no command, and neither has image "{spec.image_reference}"',
            hint="give the service a command",
        )
    return line


def environment(spec: ContainerSpec, image: RunConfig, hostname: str, home: str) -> tuple[str, ...]:
    """The environment of PID 1: Docker's own variables, the image's over them, the container's over those."""
    values = {"PATH": DEFAULT_PATH, "HOSTNAME": hostname}
    if spec.tty:
        values["TERM"] = "xterm"
    for entry in image.env:
        name, _, value = entry.partition("=")
        values[name] = value
    values.update(spec.environment)
    values.setdefault("HOME", home or "/")
    return tuple(f"{name}={value}" for name, value in values.items())


def capabilities(spec: ContainerSpec, able: tuple[str, ...]) -> tuple[str, ...]:
    """The capabilities a container may have."""
    if spec.privileged:
        return able
    return tweak(CAPABILITIES, spec.cap_add, spec.cap_drop, able)


def shm_size(spec: ContainerSpec) -> int:
    """The size of /dev/shm in bytes."""
    size = spec.limits.shm_size_bytes
    return DEFAULT_SHM_BYTES if size is None else size


def _process(spec: ContainerSpec, facts: Facts, warnings: list[str]) -> oci.Process:
    line = command_line(spec, facts.image)
    if spec.init:
        line = (INIT_TARGET, "--", *line)
    who = facts.identity
    return oci.Process(
        args=line,
        cwd=spec.working_dir or facts.image.working_dir or "/",
        env=environment(spec, facts.image, facts.hostname, who.home),
        terminal=spec.tty,
        user=oci.User(
            uid=who.uid,
            gid=who.gid,
            additional_gids=who.additional_gids,
            umask=msgspec.UNSET if spec.umask is None else spec.umask,
        ),
        capabilities=grant(capabilities(spec, facts.able), who.uid),
        rlimits=rlimits(spec.limits.ulimits, facts.ceilings, warnings),
        no_new_privileges=facts.security.no_new_privileges,
        oom_score_adj=_oom_score_adj(spec, facts),
        apparmor_profile=facts.security.apparmor,
    )


def _oom_score_adj(spec: ContainerSpec, facts: Facts) -> int | None:
    """Docker's default is 0, whatever the caller has; to lower it takes a right (proc_pid_oom_score_adj(5))."""
    if spec.limits.oom_score_adj is None and "CAP_SYS_RESOURCE" in facts.able:
        return 0
    return spec.limits.oom_score_adj


def _mounts(spec: ContainerSpec, facts: Facts) -> tuple[oci.Mount, ...]:
    private_shm = not facts.shm and spec.ipc_mode != "none"
    mounts = [
        *standard_mounts(
            shm_size_bytes=shm_size(spec) if private_shm else None,
            privileged=spec.privileged,
            cgroup=True,
        )
    ]
    if facts.shm:
        # The host's own has been made by others, with options of theirs.
        flags = () if facts.ipc == "host" else ("nosuid", "noexec", "nodev")
        mounts.append(_bind(facts.shm, "/dev/shm", *flags))
    if facts.init_program:
        mounts.append(_bind(facts.init_program, INIT_TARGET, "ro"))
    # A mount of the user's replaces a standard one at the same place, and parents come before what is below them.
    taken = {mount.destination for mount in facts.mounts}
    standard = [mount for mount in mounts if mount.destination not in taken]
    return (*standard, *sorted(facts.mounts, key=lambda mount: mount.destination.count("/")))


def _bind(source: str, target: str, *options: str) -> oci.Mount:
    return oci.Mount(destination=target, type="bind", source=source, options=("bind", "rprivate", *options))


def _linux(spec: ContainerSpec, facts: Facts, warnings: list[str]) -> oci.Linux:
    open_paths = spec.privileged or facts.security.unmask
    rules: tuple[oci.DenyAll | oci.DeviceRule, ...] = (*DEVICE_RULES, *facts.device_rules)
    if spec.privileged:
        rules = (oci.DeviceRule(allow=True, access="rwm"),)
    limits = resources(spec.limits, facts.controllers, warnings)
    return oci.Linux(
        namespaces=_namespaces(spec, facts),
        devices=facts.devices,
        cgroups_path=path_of(facts.container_id, spec.cgroup_parent),
        resources=msgspec.structs.replace(limits, devices=rules, block_io=facts.block),
        seccomp=facts.seccomp,
        sysctl=_sysctl(spec, facts),
        masked_paths=() if open_paths else MASKED_PATHS,
        readonly_paths=() if open_paths else READ_ONLY_PATHS,
        rootfs_propagation=_root_propagation(facts.mounts),
    )


def _namespaces(spec: ContainerSpec, facts: Facts) -> tuple[oci.Namespace, ...]:
    wanted = {"pid": facts.pid, "ipc": facts.ipc, "network": facts.network, "uts": spec.uts_mode, "mount": ""}
    # Unless told, the host's one with cgroups v1, as Docker has it.
    if spec.cgroup_mode == "private" or (facts.cgroup_v2 and spec.cgroup_mode != "host"):
        wanted["cgroup"] = ""
    return tuple(oci.Namespace(type=kind, path=path) for kind, path in wanted.items() if path != "host")


def _sysctl(spec: ContainerSpec, facts: Facts) -> dict[str, str]:
    values: dict[str, str] = {}
    if facts.network != "host":
        # Every port may be bound and every group may ping: the namespace is the container's own.
        values["net.ipv4.ip_unprivileged_port_start"] = "0"
        values["net.ipv4.ping_group_range"] = "0 2147483647"
    if spec.domainname and spec.uts_mode != "host":
        values["kernel.domainname"] = spec.domainname
    values.update(spec.sysctls)
    return values


def _root_propagation(mounts: tuple[oci.Mount, ...]) -> str:
    options = {option for mount in mounts for option in mount.options}
    if options & {"shared", "rshared"}:
        return "shared"
    return "slave" if options & {"slave", "rslave"} else ""
