"""What the runtime is given for a container: facts found out, files written, config.json."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence

from cais import durable
from cais.engine.native import defaultnet, devices, etcfiles, mounts, oci, rootfs, seccomp
from cais.engine.native.blocklimits import block_io
from cais.engine.native.cgroup import allow_realtime, layout
from cais.engine.native.folders import Folder
from cais.engine.native.limits import ceilings, controllers
from cais.engine.native.parts import Parts
from cais.engine.native.records import Record
from cais.engine.native.security import Security, on_this_host, parse_security
from cais.engine.native.spec import Facts, capabilities, configure, shm_size
from cais.engine.protocol import ContainerSpec
from cais.errors import CaisError, Conflict, MissingTool, NotFoundError
from cais.images.model import RunConfig
from cais.linux.capabilities import own_bounding_set
from cais.linux.users import identify_in
from cais.proc import find_program

_INIT_PROGRAMS = ("catatonit", "/usr/libexec/podman/catatonit", "tini", "docker-init")
_CONTAINER = "container:"


def write(parts: Parts, record: Record, image: RunConfig) -> oci.Config:
    """Write config.json and the files it names; what was written. Warns of limits that this machine cannot enforce. Raises CaisError."""
    folder = parts.folder(record.id)
    os.makedirs(folder.bundle, mode=0o700, exist_ok=True)
    hostname = _write_etc(parts, record, folder)
    warnings: list[str] = []
    config = configure(record.spec, _facts(parts, record, image, folder, hostname, warnings), warnings)
    config = parts.filters(record.spec.runtime).lend(config)
    if _is_realtime(config) and not record.spec.cgroup_parent:
        allow_realtime()
    durable.write(os.path.join(folder.bundle, "config.json"), oci.encode(config), mode=0o600, sync=False)
    if record.spec.dns and record.life.name_servers:
        warnings.append("its dns servers are asked only when the network's own name server does not answer")
    for warning in warnings:
        parts.warn(f'container "{record.name}": {warning}')
    return config


def _is_realtime(config: oci.Config) -> bool:
    limits = config.linux.resources
    return limits is not None and limits.cpu is not None and bool(limits.cpu.realtime_runtime)


def _facts(parts: Parts, record: Record, image: RunConfig, folder: Folder, hostname: str, warnings: list[str]) -> Facts:
    spec = record.spec
    available = controllers()
    security = on_this_host(parse_security(spec.security_opt), warnings)
    able = own_bounding_set()
    nodes, rules = devices.asked(spec.devices)
    ipc, shm = _ipc(parts, spec, folder)
    return Facts(
        container_id=record.id,
        root=folder.merged,
        image=image,
        identity=identify_in(folder.merged, _user(spec, image), group_add=spec.group_add),
        hostname=hostname,
        security=security,
        seccomp=_seccomp(spec, security, able),
        able=able,
        controllers=available,
        ceilings=ceilings(able),
        cgroup_v2=layout() == "v2",
        network=_network(spec, record),
        pid=_pid(parts, spec),
        ipc=ipc,
        shm=shm,
        init_program=_init_program() if spec.init else "",
        mounts=mounts.resolve(spec, image, _surroundings(parts, record, folder)),
        devices=(*devices.all_of_host(), *nodes) if spec.privileged else nodes,
        device_rules=(*rules, *(devices.rule(text) for text in spec.device_rules)),
        block=block_io(spec.limits.block, available, warnings),
    )


def _surroundings(parts: Parts, record: Record, folder: Folder) -> mounts.Surroundings:
    def layers_of(image: str) -> Sequence[str]:
        found = parts.images.find(image)
        if found is None:
            raise NotFoundError(f'image "{image}", which container "{record.name}" mounts, is not in the store')
        return found.snapshot_paths

    return mounts.Surroundings(folder, parts.volumes, record.life.anonymous_volumes, layers_of)


def _user(spec: ContainerSpec, image: RunConfig) -> str:
    return image.user if spec.user is None else spec.user


def _seccomp(spec: ContainerSpec, security: Security, able: tuple[str, ...]) -> oci.Seccomp | None:
    if security.seccomp == "unconfined" or (spec.privileged and not security.seccomp):
        return None
    rights = frozenset(capabilities(spec, able))
    if not security.seccomp:
        return seccomp.default_filter(rights)
    return seccomp.compile_profile(seccomp.read_profile(security.seccomp), rights, seccomp.this_host())


def _network(spec: ContainerSpec, record: Record) -> str:
    # A container that joins one in the host's network has no namespace of its own either.
    return "host" if spec.network_mode == "host" else record.life.namespace or "host"


def _pid(parts: Parts, spec: ContainerSpec) -> str:
    if spec.pid_mode in ("", "private"):
        return ""
    if spec.pid_mode == "host":
        return "host"
    if spec.pid_mode.startswith(_CONTAINER):
        return f"/proc/{_running(parts, spec, spec.pid_mode).life.pid}/ns/pid"
    raise CaisError(f'pid mode "{spec.pid_mode}" is not supported', hint='use "host" or "container:NAME"')


def _ipc(parts: Parts, spec: ContainerSpec, folder: Folder) -> tuple[str, str]:
    """The IPC namespace and the host folder to show at /dev/shm."""
    mode = spec.ipc_mode
    if mode in ("", "private", "none"):
        return "", ""
    if mode == "host":
        return "host", "/dev/shm"
    if mode == "shareable":
        rootfs.share_memory(folder, shm_size(spec))
        return "", folder.shm
    if mode.startswith(_CONTAINER):
        other = _running(parts, spec, mode)
        if other.spec.ipc_mode == "host":
            return "host", "/dev/shm"
        if other.spec.ipc_mode != "shareable":
            raise Conflict(f'container "{other.name}" does not share its IPC', hint='give it "ipc: shareable"')
        return f"/proc/{other.life.pid}/ns/ipc", parts.folder(other.id).shm
    raise CaisError(
        f'IPC mode "{mode}" is not supported', hint='use "private", "shareable", "host", "none" or "container:NAME"'
    )


def _running(parts: Parts, spec: ContainerSpec, mode: str) -> Record:
    from cais.engine.native.observe import is_running

    name = mode.removeprefix(_CONTAINER)
    record = parts.records.find(name)
    if record is None or not is_running(record):
        raise Conflict(
            f'container "{spec.name}" joins container "{name}", which is not running', hint="start that first"
        )
    return record


def _init_program() -> str:
    for name in _INIT_PROGRAMS:
        program = find_program(name)
        if program is not None:
            return program
    raise MissingTool("no init program for `init: true` is installed", hint="apt-get install catatonit")


def _write_etc(parts: Parts, record: Record, folder: Folder) -> str:
    """Write /etc/hostname, /etc/hosts, /etc/resolv.conf; the host name."""
    spec, life = record.spec, record.life
    if spec.network_mode.startswith(_CONTAINER):
        return _copy_etc(parts, spec, folder)
    hostname = spec.hostname or (platform.node() if spec.network_mode == "host" else record.id[:12])
    if spec.network_mode == "host":
        hosts, resolver = mounts.host_texts(spec.extra_hosts)
    else:
        own = tuple(
            (address, etcfiles.own_names(hostname, spec.domainname))
            for address in dict.fromkeys((*life.addresses.values(), *life.addresses6.values()))
        )
        more = (*defaultnet.hosts(parts, spec), *spec.extra_hosts)
        hosts = etcfiles.hosts(own, more, gateway=_gateway(parts, spec))
        resolver = _resolver(spec, life.name_servers)
    mounts.write_etc(folder, hostname=hostname, hosts=hosts, resolver=resolver)
    return hostname


def _copy_etc(parts: Parts, spec: ContainerSpec, folder: Folder) -> str:
    """Who shares another's network shares its names."""
    other = parts.records.find(spec.network_mode.removeprefix(_CONTAINER))
    if other is None:
        raise Conflict(f'container "{spec.name}" joins the network of "{spec.network_mode}", which does not exist')
    texts = [mounts.read_text(parts.folder(other.id).etc(name)) for name in ("hostname", "hosts", "resolv.conf")]
    hostname = texts[0].strip() or other.id[:12]
    mounts.write_etc(folder, hostname=hostname, hosts=texts[1], resolver=texts[2])
    return hostname


def _gateway(parts: Parts, spec: ContainerSpec) -> str:
    if all(address != etcfiles.HOST_GATEWAY for _, address in spec.extra_hosts):
        return ""
    gateways = {state.spec.name: state.gateway for state in parts.networking.networks()}
    for endpoint in spec.endpoints:
        if gateways.get(endpoint.network):
            return gateways[endpoint.network]
    return "127.0.0.1"


def _resolver(spec: ContainerSpec, servers: tuple[str, ...]) -> str:
    host = mounts.read_text("/etc/resolv.conf")
    if not servers and not spec.dns and not spec.dns_search and not spec.dns_options:
        return host
    search = spec.dns_search or etcfiles.search_of(host)
    options = spec.dns_options or ("ndots:0",)
    # The network's own name server knows the services; those asked for are for the case that it does not answer.
    return etcfiles.resolver((*servers, *spec.dns), tuple(name for name in search if name != "."), options)
