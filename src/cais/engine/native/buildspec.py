"""The OCI configuration of a build's command. Writes the few files it mounts into the bundle."""

from __future__ import annotations

import os

from cais import durable
from cais.build.executor import BuildMount, RunRequest
from cais.engine.native import etcfiles, oci
from cais.engine.native.defaults import (
    CAPABILITIES,
    DEFAULT_PATH,
    DEVICE_RULES,
    MASKED_PATHS,
    READ_ONLY_PATHS,
    grant,
    standard_mounts,
)
from cais.engine.native.devices import all_of_host
from cais.engine.native.limits import ceilings, rlimits
from cais.engine.native.mountpoints import MountPoint
from cais.engine.native.seccomp import default_filter
from cais.errors import CaisError
from cais.linux.capabilities import own_bounding_set
from cais.linux.rootpath import resolve_in_root
from cais.linux.users import Identity

_ANY_DEVICE = (oci.DeviceRule(allow=True, access="rwm"),)


def configure(request: RunRequest, bundle: str, identity: Identity, *, terminal: bool = False) -> oci.Config:
    """What the runtime is to run. With `insecure` it has the rights of a privileged container."""
    capabilities = own_bounding_set() if request.insecure else CAPABILITIES
    mounts = (
        *standard_mounts(shm_size_bytes=request.shm_size_bytes, privileged=request.insecure, cgroup=False),
        _file_mount(request.root, "/etc/resolv.conf", bundle, _resolver()),
        _file_mount(request.root, "/etc/hosts", bundle, _hosts(request)),
        *(_build_mount(request.root, mount) for mount in request.mounts),
    )
    kinds = ("pid", "ipc", "uts", "mount", *(("network",) if request.network == "none" else ()))
    return oci.Config(
        oci_version=oci.VERSION,
        process=oci.Process(
            args=request.argv,
            terminal=terminal,
            cwd=request.working_dir or "/",
            env=_environment(request, identity),
            user=oci.User(uid=identity.uid, gid=identity.gid, additional_gids=identity.additional_gids),
            capabilities=grant(capabilities, identity.uid),
            rlimits=_limits(request),
        ),
        root=oci.Root(path=request.root),
        mounts=mounts,
        hostname=request.hostname,
        linux=oci.Linux(
            namespaces=tuple(oci.Namespace(type=kind) for kind in kinds),
            cgroups_path=f"/cais/{os.path.basename(bundle)}",
            devices=all_of_host() if request.insecure else (),
            resources=oci.Resources(devices=_ANY_DEVICE if request.insecure else DEVICE_RULES),
            seccomp=None if request.insecure else default_filter(frozenset(CAPABILITIES)),
            masked_paths=() if request.insecure else MASKED_PATHS,
            readonly_paths=() if request.insecure else READ_ONLY_PATHS,
        ),
    )


def _environment(request: RunRequest, identity: Identity) -> tuple[str, ...]:
    values = {"PATH": DEFAULT_PATH, "HOME": identity.home or "/", **request.environment}
    return tuple(f"{name}={value}" for name, value in values.items())


def _limits(request: RunRequest) -> tuple[oci.Rlimit, ...]:
    if not request.ulimits:
        return ()
    asked = {name: (soft, hard) for name, soft, hard in request.ulimits}
    return tuple(
        each
        for each in rlimits(asked, ceilings(own_bounding_set()), [])
        if each.type.removeprefix("RLIMIT_").lower() in asked
    )


def _resolver() -> bytes:
    try:
        with open("/etc/resolv.conf", "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        return b""


def _hosts(request: RunRequest) -> bytes:
    own = f"127.0.0.1\tlocalhost {request.hostname}\n::1\tlocalhost ip6-localhost ip6-loopback\n"
    # The network is the host's, so the host itself is at the loopback address.
    return (own + etcfiles.extra_lines(request.extra_hosts, gateway="127.0.0.1")).encode()


def _file_mount(root: str, target: str, bundle: str, content: bytes) -> oci.Mount:
    path = os.path.join(bundle, os.path.basename(target))
    durable.write(path, content, sync=False)
    return oci.Mount(
        destination=resolve_in_root(root, target),
        type="bind",
        source=path,
        options=("bind", "ro", "nosuid", "nodev", "noexec"),
    )


def _build_mount(root: str, mount: BuildMount) -> oci.Mount:
    target = resolve_in_root(root, mount.target)
    access = "ro" if mount.read_only else "rw"
    if mount.kind == "bind":
        if not os.path.exists(mount.source):
            raise CaisError(f'the source "{mount.source}" of the mount at "{mount.target}" does not exist')
        return oci.Mount(destination=target, type="bind", source=mount.source, options=("rbind", "rprivate", access))
    if mount.kind == "tmpfs":
        size = () if mount.size_bytes is None else (f"size={mount.size_bytes}",)
        return oci.Mount(
            destination=target, type="tmpfs", source="tmpfs", options=("nosuid", "nodev", "mode=1777", access, *size)
        )
    raise CaisError(f'build mounts of kind "{mount.kind}" are not supported', hint='use "bind" or "tmpfs"')


def mount_points(mounts: tuple[oci.Mount, ...]) -> tuple[MountPoint, ...]:
    """Those that lie in the root itself; one below another mount is not the root's."""
    points: list[MountPoint] = []
    for mount in mounts:
        if not any(mount.destination.startswith(point.path + "/") for point in points):
            is_folder = mount.type != "bind" or os.path.isdir(mount.source)
            points.append(MountPoint(mount.destination, is_folder))
    return tuple(points)
