"""What an engine is asked and what it answers. `project` and `supervise` use this; `engine.native` implements it.

All calls are plain and synchronous; callers that do several at once run them in threads. Every method is idempotent where that has
a meaning (removing what is not there is no error). Errors are CaisError.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from typing import Protocol

import msgspec

from cais.engine.details import BlockLimits, Captured, HookSpec, LogSpec
from cais.engine.netdetails import EndpointOptions, NetworkOptions

# --- what to create --------------------------------------------------------------------------------------------------


class Transport(enum.Enum):
    """The transport of a published port."""

    TCP = "tcp"
    UDP = "udp"


class PortSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One published port. `host_port` 0 asks for a free one; `host_ip` "" means all addresses."""

    container_port: int
    host_port: int = 0
    host_ip: str = ""
    protocol: Transport = Transport.TCP


class MountKind(enum.Enum):
    """Where a mount comes from."""

    BIND = "bind"
    VOLUME = "volume"
    TMPFS = "tmpfs"
    IMAGE = "image"


class Recursion(enum.Enum):
    """What becomes of mounts below a bind mount's source (Compose Specification, "volumes", `bind.recursive`)."""

    ENABLED = "enabled"  # they come along, read-only where it is
    DISABLED = "disabled"  # they stay behind
    WRITABLE = "writable"  # they come along and stay writable below a read-only one
    READONLY = "readonly"  # as enabled; an error where the kernel cannot do it


class MountSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One mount. `source` is an absolute host path (bind), an engine volume name (volume; "" for an anonymous one), an image's id or
    reference (image) or "" (tmpfs). `labels` are an anonymous volume's. `is_borrowed`: it is another container's, by `volumes_from`.
    `tmpfs_options` are further ones of mount(8).
    """

    kind: MountKind
    source: str
    target: str
    read_only: bool = False
    create_host_path: bool = False
    propagation: str = "rprivate"
    recursion: Recursion = Recursion.ENABLED
    no_copy: bool = False
    subpath: str = ""
    labels: Mapping[str, str] = {}
    is_borrowed: bool = False
    tmpfs_size_bytes: int | None = None
    tmpfs_mode: int | None = None
    tmpfs_options: tuple[str, ...] = ()


class FileSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A secret or config: `content`, or a copy of the host's file `source` as it is when the container starts, is shown read-only at `target`.

    Kept out of argv, logs and the image.
    """

    target: str
    content: bytes = b""
    source: str = ""
    uid: int = 0
    gid: int = 0
    mode: int = 0o444


class EndpointSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A container's place on one network. `network` is the engine's network name; empty addresses are assigned."""

    network: str
    aliases: tuple[str, ...] = ()
    ipv4_address: str = ""
    mac_address: str = ""
    options: EndpointOptions = EndpointOptions()


class ProbeSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A health check (Dockerfile reference, HEALTHCHECK). `test` is ("CMD", ...) or ("CMD-SHELL", line) or ("NONE",); times in seconds.

    `listens`: the image or the service names a TCP port, so one that is ready listens somewhere.
    """

    test: tuple[str, ...]
    interval_s: float = 30.0
    timeout_s: float = 30.0
    start_period_s: float = 0.0
    start_interval_s: float | None = None
    retries: int = 3
    listens: bool = False


class RestartMode(enum.Enum):
    """Compose's `restart`."""

    NO = "no"
    ALWAYS = "always"
    ON_FAILURE = "on-failure"
    UNLESS_STOPPED = "unless-stopped"


class RestartPolicy(msgspec.Struct, frozen=True):
    """A restart policy; `max_retries` 0 means without end. `delay_s` before each restart, None for a wait that grows.

    A run of `window_s` was a success: the restarts before it count no more. 0: they always do.
    """

    mode: RestartMode = RestartMode.NO
    max_retries: int = 0
    delay_s: float | None = None
    window_s: float = 0.0


class ResourceLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits; None means none. Sizes in bytes, `cpus` in cores, quotas and periods in microseconds, swappiness in per cent, ulimits as (soft, hard)."""

    memory_bytes: int | None = None
    memory_reservation_bytes: int | None = None
    memory_swap_bytes: int | None = None
    memory_swappiness: int | None = None
    cpus: float | None = None
    cpu_shares: int | None = None
    cpu_quota_us: int | None = None
    cpu_period_us: int | None = None
    cpu_realtime_runtime_us: int | None = None
    cpu_realtime_period_us: int | None = None
    cpuset: str | None = None
    pids: int | None = None
    shm_size_bytes: int | None = None
    oom_score_adj: int | None = None
    oom_kill_disable: bool = False
    block: BlockLimits = BlockLimits()
    ulimits: Mapping[str, tuple[int, int]] = {}


class ContainerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """All that makes a container. None where the image's own config is to hold.

    `image_id` is the digest of the image config; `image_reference` is what the user wrote. `network_mode` is "bridge" (join `endpoints`; without
    any, the network that the containers of all projects may share: it knows no names, but `host_links` stand in /etc/hosts, each a name and
    the container it is for), "none", "host" or "container:<id>". `user` is `uid|name[:gid|name]`. `volumes_from` names containers, each with whether
    their volumes are to be read-only. `device_rules` are as of `docker run --device-cgroup-rule`. `uts_mode` is "" or
    "host", `cgroup_mode` "", "private" or "host"; `cgroup_parent` "" is Cais's own; `runtime` "" is the machine's best one. `config_hash` and `config` (canonical JSON that it was made of) are
    kept so that a later plan can name the field that changed.
    """

    name: str
    image_id: str
    image_reference: str
    project: str = ""
    service: str = ""
    number: int = 1
    one_off: bool = False
    labels: Mapping[str, str] = {}
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    environment: Mapping[str, str] = {}
    user: str | None = None
    group_add: tuple[str, ...] = ()
    working_dir: str | None = None
    hostname: str = ""
    domainname: str = ""
    network_mode: str = "bridge"
    endpoints: tuple[EndpointSpec, ...] = ()
    ports: tuple[PortSpec, ...] = ()
    extra_hosts: tuple[tuple[str, str], ...] = ()
    host_links: tuple[tuple[str, str], ...] = ()
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    mounts: tuple[MountSpec, ...] = ()
    volumes_from: tuple[tuple[str, bool], ...] = ()
    files: tuple[FileSpec, ...] = ()
    stop_signal: str | None = None
    stop_grace_period_s: float = 10.0
    init: bool = False
    tty: bool = False
    stdin_open: bool = False
    read_only: bool = False
    privileged: bool = False
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    devices: tuple[tuple[str, str, str], ...] = ()
    device_rules: tuple[str, ...] = ()
    sysctls: Mapping[str, str] = {}
    pid_mode: str = ""
    ipc_mode: str = ""
    uts_mode: str = ""
    cgroup_mode: str = ""
    cgroup_parent: str = ""
    runtime: str = ""
    umask: int | None = None
    annotations: Mapping[str, str] = {}
    limits: ResourceLimits = ResourceLimits()
    restart: RestartPolicy = RestartPolicy()
    restart_unhealthy: bool = False
    probe: ProbeSpec | None = None
    log: LogSpec = LogSpec()
    post_start: tuple[HookSpec, ...] = ()
    pre_stop: tuple[HookSpec, ...] = ()
    config_hash: str = ""
    config: str = ""


class NetworkSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A network. `subnet`/`gateway` empty: chosen so that they collide with no route of the host.

    Addresses come from `ip_range` if that is given, and never are one of `reserved` (a name for each).
    """

    name: str
    project: str = ""
    labels: Mapping[str, str] = {}
    internal: bool = False
    subnet: str = ""
    gateway: str = ""
    ip_range: str = ""
    reserved: Mapping[str, str] = {}
    options: NetworkOptions = NetworkOptions()
    config_hash: str = ""


class VolumeSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A named volume. `driver_options` are those of Docker's `local` driver (type, o, device)."""

    name: str
    project: str = ""
    labels: Mapping[str, str] = {}
    driver_options: Mapping[str, str] = {}
    config_hash: str = ""


# --- what is there ---------------------------------------------------------------------------------------------------


class State(enum.Enum):
    """A container's state, in Docker's words."""

    CREATED = "created"
    RUNNING = "running"
    RESTARTING = "restarting"
    EXITED = "exited"
    DEAD = "dead"


class Health(enum.Enum):
    """A container's health, in Docker's words; NONE when it has no health check."""

    NONE = "none"
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


class ProbeResult(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a health check. Times in seconds since the epoch; `output` is bounded (4 KiB); exit code -1 means it timed out."""

    began: float
    ended: float
    exit_code: int
    output: str


class ContainerState(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine knows of one container. Times in seconds since the epoch, 0.0 for never.

    `anonymous_volumes` are names by mount target. `pid` is 0 unless running. `manually_stopped`: a user stopped it, so `unless-stopped` and `always` leave it alone.
    """

    id: str
    spec: ContainerSpec
    state: State
    created_at: float
    pid: int = 0
    started_at: float = 0.0
    finished_at: float = 0.0
    exit_code: int = 0
    oom_killed: bool = False
    exit_reason: str = ""
    manually_stopped: bool = False
    restart_count: int = 0
    health: Health = Health.NONE
    failing_streak: int = 0
    last_probe: ProbeResult | None = None
    addresses: Mapping[str, str] = {}
    ports: tuple[PortSpec, ...] = ()
    anonymous_volumes: Mapping[str, str] = {}

    @property
    def name(self) -> str:
        """The container's name."""
        return self.spec.name


class NetworkState(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine knows of one network. Without IPv6, `subnet6` and `gateway6` are ""."""

    spec: NetworkSpec
    subnet: str
    gateway: str
    bridge: str
    subnet6: str = ""
    gateway6: str = ""


class VolumeState(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine knows of one volume; `path` is its folder on the host."""

    spec: VolumeSpec
    path: str
    created_at: float


class StopOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a stop went. `ignored_by` names the process that did not react to the signal ("" when the stop was in time)."""

    exit_code: int
    elapsed_s: float
    signal: str
    killed: bool = False
    ignored_by: str = ""


class LogLine(msgspec.Struct, frozen=True):
    """One line (or part of a long one: `partial`) a container wrote. `at` in seconds since the epoch; `stream` is "stdout" or "stderr"."""

    at: float
    stream: str
    text: str
    partial: bool = False


class ExecSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A command to run inside a running container. A variable of None is unset. With `tty`, the caller's terminal is put in raw mode and resized with its window."""

    argv: tuple[str, ...]
    environment: Mapping[str, str | None] = {}
    user: str | None = None
    working_dir: str | None = None
    tty: bool = False
    interactive: bool = False
    privileged: bool = False


class Engine(Protocol):
    """Creates, starts, stops and describes containers, networks and volumes."""

    def ensure_network(self, spec: NetworkSpec) -> NetworkState:
        """Create the network unless it is there; what a reboot or a crash took (bridge, rules, name server) is made again."""

    def remove_network(self, name: str) -> None:
        """Remove a network with its bridge, rules and names. Raises Conflict while containers are on it."""

    def ensure_volume(self, spec: VolumeSpec) -> VolumeState:
        """Create the volume unless it is there."""

    def remove_volume(self, name: str) -> None:
        """Remove a volume and its data. Raises Conflict while a container uses it."""

    def create(self, spec: ContainerSpec) -> ContainerState:
        """Create a container (its root, endpoint and bundle are prepared). Raises Conflict when the name is taken."""

    def arm(self, container_id: str) -> bool:
        """Do ahead what can be done of a created container's first start, while it waits for others; whether anything was.

        It stays "created" for everybody, and is as good as one that is not armed for `start`, `stop` and `remove`. An engine that
        cannot, or a container whose start may find something else later, is no error.
        """

    def disarm(self, container_id: str) -> None:
        """Undo `arm`, when the start will not come; no error for a container that is not armed or not there."""

    def start(self, container_id: str, *, automatic: bool = False) -> ContainerState:
        """Start a created or exited container; a running one is left as it is. Clears `manually_stopped`.

        With `automatic` (the supervisor's restart) a manually stopped container is left as it is: decided under the container's lock.
        """

    def stop(self, container_id: str, *, timeout_s: float | None = None, manual: bool = True) -> StopOutcome:
        """Stop signal, grace period (`timeout_s` or the spec's), SIGKILL. `manual` marks it as the user's wish."""

    def kill(self, container_id: str, signal: str = "SIGKILL") -> None:
        """Send `signal` to PID 1 of the container."""

    def remove(self, container_id: str, *, force: bool = False, volumes: bool = False) -> None:
        """Remove a container with its endpoint, root and log; with `volumes` its anonymous volumes. Raises Conflict when running unless `force`."""

    def rename(self, container_id: str, name: str) -> None:
        """Give a container another name."""

    def settle(self, container_id: str) -> ContainerState:
        """Record what became of a container whose process ended (exit file, OOM, times) and return it; safe to call at any time."""

    def container(self, name_or_id: str) -> ContainerState | None:
        """One container by name, id or unique id prefix; None when there is none."""

    def containers(self, project: str | None = None) -> tuple[ContainerState, ...]:
        """All containers (of a project), by name. Never says running of a process that is gone."""

    def networks(self, project: str | None = None) -> tuple[NetworkState, ...]:
        """All networks (of a project), by name."""

    def volumes(self, project: str | None = None) -> tuple[VolumeState, ...]:
        """All volumes (of a project), by name."""

    def record_health(self, container_id: str, health: Health, failing_streak: int, probe: ProbeResult | None) -> None:
        """Keep what the supervisor learned of a container's health."""

    def record_restart(self, container_id: str, restart_count: int, *, waiting: bool) -> None:
        """Keep the restart count; `waiting` shows the container as restarting during the back-off."""

    def probe(self, container_id: str, argv: tuple[str, ...], timeout_s: float) -> ProbeResult:
        """Run one health check inside the container; never raises for the check's own failure."""

    def execute(self, container_id: str, spec: ExecSpec) -> int:
        """Run a command on the caller's stdin, stdout and stderr; its exit code (126/127 as Docker when it cannot start)."""

    def capture(self, container_id: str, spec: ExecSpec) -> Captured:
        """Run a command inside without input and to its end, however long that takes; exit codes as of `execute`."""

    def attach(self, container_id: str) -> int:
        """Connect the caller's terminal or streams to PID 1 until it ends; its exit code."""

    def run_attached(self, container_id: str) -> int:
        """Start a created container with the caller's terminal or streams connected from the first byte; the exit code of PID 1."""

    def logs(
        self, container_id: str, *, tail: int | None = None, since: float | None = None, until: float | None = None
    ) -> Iterator[LogLine]:
        """What the container wrote so far, oldest first."""

    def follow(
        self, container_id: str, *, tail: int | None = None, since: float | None = None
    ) -> Iterator[LogLine | None]:
        """Like `logs`, then goes on; yields None when there is nothing new at the moment (the caller waits or stops), ends after the container's end."""

    def processes(self, container_id: str) -> tuple[int, ...]:
        """Host pids of the container's processes."""
