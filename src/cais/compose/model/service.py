"""A service: all that one entry under `services` says (Compose Specification, 05-services.md), in canonical form."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec

from cais.compose.model.blkio import BlkioConfig
from cais.compose.model.build import Build
from cais.compose.model.deploy import Deploy, DeviceRequest
from cais.compose.model.develop import Develop
from cais.compose.model.hooks import Hook, PreStartHook
from cais.compose.model.models import ModelBinding
from cais.compose.model.mounts import ServiceMount
from cais.compose.model.ports import Port


class Condition(enum.Enum):
    """What a dependent waits for."""

    STARTED = "service_started"
    HEALTHY = "service_healthy"
    COMPLETED = "service_completed_successfully"


class Dependency(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `depends_on`. `restart`: the dependent is restarted when Cais restarts or recreates the service."""

    condition: Condition = Condition.STARTED
    restart: bool = False
    required: bool = True


class Healthcheck(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`healthcheck`; durations in seconds; None where the image's value or the default holds. `test` is ("CMD", ...), ("CMD-SHELL", line) or ("NONE",)."""

    test: tuple[str, ...] | None = None
    interval: float | None = None
    timeout: float | None = None
    start_period: float | None = None
    start_interval: float | None = None
    retries: int | None = None
    disable: bool = False


class ServiceNetwork(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A service's place on one network; the key in `Service.networks` is the network's key in the project.

    `priority` orders the networks as they are connected, `gw_priority` as they offer the default route; higher goes first.
    """

    aliases: tuple[str, ...] = ()
    ipv4_address: str = ""
    ipv6_address: str = ""
    link_local_ips: tuple[str, ...] = ()
    mac_address: str = ""
    interface_name: str = ""
    driver_opts: Mapping[str, str] = {}
    priority: int = 0
    gw_priority: int = 0
    use_service_name_alias: bool = True


class FileReference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A use of a secret or config in a service. `target` is an absolute path (secrets: /run/secrets/NAME by default, configs: /NAME)."""

    source: str
    target: str
    uid: str = ""
    gid: str = ""
    mode: int | None = None


class Logging(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`logging`."""

    driver: str = ""
    options: Mapping[str, str] = {}


class Ulimit(msgspec.Struct, frozen=True, kw_only=True):
    """A resource limit of a process (setrlimit(2)); -1 means none."""

    soft: int
    hard: int


class Provider(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`provider`: the program that brings the service up instead of an engine; each option may be given several times."""

    type: str
    options: Mapping[str, tuple[str, ...]] = {}


class CredentialSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`credential_spec`, for Windows containers: one of the three."""

    config: str = ""
    file: str = ""
    registry: str = ""


class XCais(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="kebab"):
    """Cais's own extension of a service, `x-cais` (design.md)."""

    restart_unhealthy: bool = False


class Service(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A service. Names are Compose's; sizes in bytes, durations in seconds, `cpu_*` periods and quotas in microseconds; None or empty means "not said".

    `environment` has `env_file` merged in; a value of None means "unset" was asked. `networks` is empty with a `network_mode`, and names
    "default" when nothing was said. `expose` and `ports` are canonical. `image` is "" when only `build` is given.
    """

    name: str
    image: str = ""
    build: Build | None = None
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    environment: Mapping[str, str | None] = {}
    env_file: tuple[str, ...] = ()
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    container_name: str = ""
    hostname: str = ""
    domainname: str = ""
    user: str = ""
    group_add: tuple[str, ...] = ()
    working_dir: str = ""
    depends_on: Mapping[str, Dependency] = {}
    healthcheck: Healthcheck | None = None
    restart: str = ""
    ports: tuple[Port, ...] = ()
    expose: tuple[str, ...] = ()
    networks: Mapping[str, ServiceNetwork] = {}
    network_mode: str = ""
    links: tuple[str, ...] = ()
    external_links: tuple[str, ...] = ()
    extra_hosts: tuple[tuple[str, str], ...] = ()
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_opt: tuple[str, ...] = ()
    mac_address: str = ""
    volumes: tuple[ServiceMount, ...] = ()
    volumes_from: tuple[str, ...] = ()
    tmpfs: tuple[str, ...] = ()
    secrets: tuple[FileReference, ...] = ()
    configs: tuple[FileReference, ...] = ()
    stop_signal: str = ""
    stop_grace_period: float | None = None
    init: bool | None = None
    tty: bool = False
    stdin_open: bool = False
    read_only: bool = False
    privileged: bool = False
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    device_cgroup_rules: tuple[str, ...] = ()
    gpus: tuple[DeviceRequest, ...] = ()
    sysctls: Mapping[str, str] = {}
    ulimits: Mapping[str, Ulimit] = {}
    pid: str = ""
    ipc: str = ""
    uts: str = ""
    userns_mode: str = ""
    cgroup: str = ""
    cgroup_parent: str = ""
    isolation: str = ""
    credential_spec: CredentialSpec | None = None
    umask: int | None = None
    use_api_socket: bool = False
    storage_opt: Mapping[str, str] = {}
    shm_size: int | None = None
    mem_limit: int | None = None
    mem_reservation: int | None = None
    memswap_limit: int | None = None
    mem_swappiness: int | None = None
    cpus: float | None = None
    cpu_shares: int | None = None
    cpu_count: int | None = None
    cpu_percent: float | None = None
    cpu_quota: int | None = None
    cpu_period: int | None = None
    cpu_rt_period: int | None = None
    cpu_rt_runtime: int | None = None
    cpuset: str = ""
    pids_limit: int | None = None
    oom_score_adj: int | None = None
    oom_kill_disable: bool = False
    blkio_config: BlkioConfig | None = None
    pre_start: tuple[PreStartHook, ...] = ()
    post_start: tuple[Hook, ...] = ()
    pre_stop: tuple[Hook, ...] = ()
    scale: int | None = None
    deploy: Deploy | None = None
    develop: Develop | None = None
    profiles: tuple[str, ...] = ()
    platform: str = ""
    pull_policy: str = ""
    pull_refresh_after: str = ""
    provider: Provider | None = None
    models: Mapping[str, ModelBinding] = {}
    logging: Logging | None = None
    attach: bool = True
    runtime: str = ""
    x_cais: XCais = msgspec.field(default=XCais(), name="x-cais")

    @property
    def replicas(self) -> int:
        """How many containers are desired."""
        if self.scale is not None:
            return self.scale
        if self.deploy is not None and self.deploy.replicas is not None:
            return self.deploy.replicas
        return 1
