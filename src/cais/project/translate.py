"""From the Compose model to what an engine is asked for. Pure: no file is read, nothing is looked up."""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Mapping

import msgspec

from cais.compose.model.blkio import BlkioConfig, DeviceRate
from cais.compose.model.hooks import Hook
from cais.compose.model.project import Project
from cais.compose.model.resources import Volume
from cais.compose.model.service import Healthcheck, Service
from cais.engine.details import BlockLimits, DeviceLimit, HookSpec
from cais.engine.protocol import (
    ContainerSpec,
    PortSpec,
    ProbeSpec,
    ResourceLimits,
    RestartMode,
    RestartPolicy,
    Transport,
    VolumeSpec,
)
from cais.errors import CaisError
from cais.images.model import HealthConfig, RunConfig, StoredImage
from cais.project import mounts, names, networks
from cais.project.confighash import canonical_config, config_hash
from cais.project.logspec import log_spec

NANOSECONDS = 1_000_000_000
DEFAULT_GRACE_S = 10.0


def container_spec(
    project: Project,
    service: Service,
    number: int,
    image: StoredImage,
    *,
    mounted: Mapping[str, StoredImage] = {},
    one_off: bool = False,
) -> ContainerSpec:
    """The container that replica `number` of `service` should be. `mounted` has the images that it mounts, by `names.mounted_image`."""
    config = canonical_config(service, _resolved_names(project, service, mounted))
    digest = config_hash(config)
    name = names.container_name(project.name, service, number)
    return ContainerSpec(
        name=name,
        image_id=image.id,
        image_reference=names.image_reference(project.name, service),
        project=project.name,
        service=service.name,
        number=number,
        one_off=one_off,
        labels={
            **image.config.config.labels,
            **names.container_labels(project, service, number, config_hash=digest, image_id=image.id, one_off=one_off),
        },
        entrypoint=service.entrypoint,
        command=service.command,
        environment={key: value for key, value in service.environment.items() if value is not None},
        user=service.user or None,
        group_add=service.group_add,
        working_dir=service.working_dir or None,
        hostname=service.hostname,
        domainname=service.domainname,
        network_mode=networks.network_mode(project, service),
        endpoints=networks.endpoint_specs(project, service, name),
        host_links=networks.host_links(project, service),
        ports=_ports(service, number),
        extra_hosts=service.extra_hosts,
        dns=service.dns,
        dns_search=service.dns_search,
        dns_options=service.dns_opt,
        mounts=mounts.mount_specs(project, service, mounted),
        volumes_from=mounts.volumes_from(project, service),
        files=mounts.file_specs(project, service),
        stop_signal=service.stop_signal or None,
        stop_grace_period_s=DEFAULT_GRACE_S if service.stop_grace_period is None else service.stop_grace_period,
        init=bool(service.init),
        tty=service.tty,
        stdin_open=service.stdin_open,
        read_only=service.read_only,
        privileged=service.privileged,
        cap_add=service.cap_add,
        cap_drop=service.cap_drop,
        security_opt=tuple(_security_option(project, text) for text in service.security_opt),
        devices=tuple(_device(text) for text in service.devices),
        device_rules=service.device_cgroup_rules,
        sysctls=service.sysctls,
        pid_mode=names.namespace_mode(project, service.pid),
        ipc_mode=names.namespace_mode(project, service.ipc),
        uts_mode=service.uts,
        cgroup_mode=service.cgroup,
        cgroup_parent=service.cgroup_parent,
        runtime=service.runtime,
        umask=service.umask,
        annotations=service.annotations,
        limits=limits(service),
        restart=restart_policy(service),
        restart_unhealthy=service.x_cais.restart_unhealthy,
        probe=_probe(service, image.config.config),
        log=log_spec(service.logging),
        post_start=tuple(_hook(hook) for hook in service.post_start),
        pre_stop=tuple(_hook(hook) for hook in service.pre_stop),
        config_hash=digest,
        config=config,
    )


def service_hash(project: Project, service: Service) -> str:
    """The config hash that containers of `service` are labelled with."""
    return config_hash(canonical_config(service, _resolved_names(project, service, {})))


def volume_spec(project: Project, volume: Volume) -> VolumeSpec:
    """The engine's volume for a key of `volumes`."""
    spec = VolumeSpec(
        name=volume.name,
        project=project.name,
        labels={**volume.labels, names.PROJECT: project.name, names.VOLUME: volume.key},
        driver_options=volume.driver_opts,
    )
    return msgspec.structs.replace(spec, config_hash=config_hash(msgspec.json.encode(spec, order="sorted").decode()))


def restart_policy(service: Service) -> RestartPolicy:
    """`deploy.restart_policy`, else `restart`, else "no" (Compose Deploy Specification, "restart_policy")."""
    policy = service.deploy.restart_policy if service.deploy else None
    if policy is None:
        mode, _, retries = (service.restart or "no").partition(":")
        return RestartPolicy(RestartMode(mode), int(retries or 0))
    modes = {"none": RestartMode.NO, "on-failure": RestartMode.ON_FAILURE, "any": RestartMode.ALWAYS}
    return RestartPolicy(
        modes.get(policy.condition, RestartMode.ALWAYS),
        max_retries=policy.max_attempts or 0,
        delay_s=policy.delay,
        window_s=policy.window or 0.0,
    )


def limits(service: Service) -> ResourceLimits:
    """Resource limits; the service's own attributes go before `deploy.resources`."""
    wide = service.deploy.limits if service.deploy else None
    reserved = service.deploy.reservations if service.deploy else None
    return ResourceLimits(
        memory_bytes=service.mem_limit or (wide.memory if wide else None),
        memory_reservation_bytes=service.mem_reservation or (reserved.memory if reserved else None),
        memory_swap_bytes=service.memswap_limit,
        memory_swappiness=None if service.mem_swappiness == -1 else service.mem_swappiness,
        cpus=service.cpus or (wide.cpus if wide else None),
        cpu_shares=service.cpu_shares,
        cpu_quota_us=service.cpu_quota,
        cpu_period_us=service.cpu_period,
        cpu_realtime_runtime_us=service.cpu_rt_runtime,
        cpu_realtime_period_us=service.cpu_rt_period,
        cpuset=service.cpuset or None,
        pids=service.pids_limit or (wide.pids if wide else None),
        shm_size_bytes=service.shm_size,
        oom_score_adj=service.oom_score_adj,
        oom_kill_disable=service.oom_kill_disable,
        block=_block_limits(service.blkio_config or BlkioConfig()),
        ulimits={name: (limit.soft, limit.hard) for name, limit in service.ulimits.items()},
    )


def _block_limits(config: BlkioConfig) -> BlockLimits:
    def rates(devices: Iterable[DeviceRate]) -> tuple[DeviceLimit, ...]:
        return tuple((device.path, device.rate) for device in devices)

    return BlockLimits(
        weight=config.weight,
        weights=tuple((device.path, device.weight) for device in config.weight_device),
        read_bytes=rates(config.device_read_bps),
        write_bytes=rates(config.device_write_bps),
        read_operations=rates(config.device_read_iops),
        write_operations=rates(config.device_write_iops),
    )


def _probe(service: Service, image: RunConfig) -> ProbeSpec | None:
    spec = probe_spec(service.healthcheck, image.healthcheck)
    if spec is None:
        return None
    named = (*image.exposed_ports, *service.expose, *(f"{port.target}/{port.protocol}" for port in service.ports))
    return msgspec.structs.replace(spec, listens=any(not port.endswith(("/udp", "/sctp")) for port in named))


def probe_spec(check: Healthcheck | None, image: HealthConfig | None) -> ProbeSpec | None:
    """The service's health check over the image's, field by field; None when there is none or it is disabled."""
    if check is not None and check.disable:
        return None
    base = _image_probe(image)
    if check is None:
        return base
    test = check.test if check.test is not None else (base.test if base else ())
    if not test or test[0] == "NONE":
        return None
    base = base or ProbeSpec(test=test)
    return ProbeSpec(
        test=test,
        interval_s=base.interval_s if check.interval is None else check.interval,
        timeout_s=base.timeout_s if check.timeout is None else check.timeout,
        start_period_s=base.start_period_s if check.start_period is None else check.start_period,
        start_interval_s=base.start_interval_s if check.start_interval is None else check.start_interval,
        retries=base.retries if not check.retries else check.retries,
    )


def _image_probe(image: HealthConfig | None) -> ProbeSpec | None:
    if image is None or not image.test or image.test[0] == "NONE":
        return None
    default = ProbeSpec(test=image.test)
    return ProbeSpec(
        test=image.test,
        interval_s=image.interval / NANOSECONDS or default.interval_s,
        timeout_s=image.timeout / NANOSECONDS or default.timeout_s,
        start_period_s=image.start_period / NANOSECONDS,
        start_interval_s=image.start_interval / NANOSECONDS or None,
        retries=image.retries or default.retries,
    )


def _resolved_names(project: Project, service: Service, mounted: Mapping[str, StoredImage]) -> Mapping[str, object]:
    """Names and contents behind keys: a volume renamed or a secret rewritten makes the container differ."""
    objects = [(ref, project.secrets) for ref in service.secrets] + [(ref, project.configs) for ref in service.configs]
    contents = {
        ref.target: config_hash(mounts.content(project, table[ref.source]) or "")
        for ref, table in objects
        if ref.source in table and not table[ref.source].file
    }
    resolved = {
        "volume_names": {
            m.source: project.volumes[m.source].name for m in service.volumes if m.source in project.volumes
        },
        "network_names": {key: project.networks[key].name for key in service.networks if key in project.networks},
        "file_digests": contents,
        "mounted_images": {
            reference: mounted[names.mounted_image(reference)].id
            for reference in mounts.mounted_references(service)
            if names.mounted_image(reference) in mounted
        },
    }
    return {key: value for key, value in resolved.items() if value}


def _ports(service: Service, number: int) -> tuple[PortSpec, ...]:
    return tuple(
        PortSpec(
            container_port=port.target,
            host_port=_host_port(service, port.published, number),
            host_ip=port.host_ip,
            protocol=Transport(port.protocol or "tcp"),
        )
        for port in service.ports
    )


def _host_port(service: Service, published: str, number: int) -> int:
    """A range gives each replica its own port, in order; a single port is the same for all (and then taken for the second)."""
    first, _, last = published.partition("-")
    if not last:
        return int(first or 0)
    chosen = int(first) + number - 1
    if chosen > int(last):
        raise CaisError(
            f'service "{service.name}": replica {number} has no port left in the range {published}',
            hint="widen the range or scale down",
        )
    return chosen


def _security_option(project: Project, text: str) -> str:
    """A seccomp profile is a file beside the Compose file."""
    for separator in "=:":
        name, found, path = text.partition(separator)
        if found and name == "seccomp" and path not in ("unconfined", "builtin"):
            return f"seccomp={os.path.join(project.directory, path)}"
    return text


def _hook(hook: Hook) -> HookSpec:
    return HookSpec(
        command=hook.command,
        user=hook.user,
        privileged=hook.privileged,
        working_dir=hook.working_dir,
        environment=hook.environment,
    )


def _device(text: str) -> tuple[str, str, str]:
    source, _, rest = text.partition(":")
    target, _, permissions = rest.partition(":")
    return source, target or source, permissions or "rwm"
