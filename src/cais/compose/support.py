"""What the native engine does with each attribute: one table, from which `load` warns and docs/compose-support.md is made.

Paths are those of the file, with "*" for a name that the user chose; lists have no step of their own. A path without a row has its parent's state.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec

from cais.compose import contradictions, networkoptions, reading
from cais.compose.nodes import ListNode, MapNode, Node, ScalarNode
from cais.compose.problems import Problems
from cais.errors import Span


class State(enum.Enum):
    """What becomes of an attribute."""

    HONOURED = "honoured"
    ELSEWHERE = "no effect here"  # accepted with a warning: it means something to other engines only, or nothing is lost without it
    REFUSED = "refused"  # an error: to go on without it would run something else than what the file says


class Row(msgspec.Struct, frozen=True):
    """One attribute; `words` say what holds for it."""

    path: str
    state: State
    words: str = ""


def _honoured(prefix: str, *names: str) -> list[Row]:
    return [Row(prefix + name, State.HONOURED) for name in names]


_YES, _NO, _REFUSED = State.HONOURED, State.ELSEWHERE, State.REFUSED
_S, _B, _N, _V = "services.*.", "services.*.build.", "networks.*.", "volumes.*."

ROWS: tuple[Row, ...] = (
    Row("name", _YES),
    Row("version", _NO, "Compose no longer uses it; it may be removed"),
    Row("include", _YES, "local files"),
    Row("models", _REFUSED, "language models are not run"),
    Row("jobs", _REFUSED, "jobs are not run yet"),
    # what runs
    *_honoured(
        _S,
        "image",
        "command",
        "entrypoint",
        "environment",
        "env_file",
        "label_file",
        "labels",
        "container_name",
        "hostname",
    ),
    *_honoured(
        _S,
        "domainname",
        "user",
        "group_add",
        "working_dir",
        "stop_signal",
        "stop_grace_period",
        "init",
        "tty",
        "stdin_open",
        "attach",
    ),
    *_honoured(_S, "depends_on", "extends", "healthcheck", "restart", "profiles", "scale", "pull_policy"),
    Row(_S + "annotations", _YES, "handed to the OCI runtime"),
    Row(_S + "platform", _YES, "this machine's own only"),
    Row(_S + "runtime", _YES, "crun or runc, if it is installed; without it Cais chooses"),
    Row(_S + "provider", _REFUSED, "services run by other programs are not supported"),
    Row(
        _S + "pre_start",
        _YES,
        "run by up, once for a service whose containers are all new; a step's own command, image, user, privileged, working_dir and environment",
    ),
    Row(
        _S + "post_start", _YES, "run by the command that starts the container, not by automatic restarts, as in Docker"
    ),
    Row(_S + "pre_stop", _YES, "run by the command that stops the container"),
    Row(_S + "models", _REFUSED, "language models are not run"),
    Row(_S + "pull_refresh_after", _NO, "images are not refreshed by age"),
    # network
    *_honoured(
        _S, "ports", "expose", "networks", "network_mode", "extra_hosts", "dns", "dns_search", "dns_opt", "mac_address"
    ),
    Row(_S + "ports.mode", _YES, "both modes publish on this machine"),
    Row(_S + "ports.name", _YES, "a remark for people"),
    Row(_S + "ports.app_protocol", _YES, "a remark for people"),
    Row(_S + "networks.*.ipv6_address", _YES, "the network needs `enable_ipv6`"),
    Row(_S + "networks.*.link_local_ips", _YES, "of 169.254.0.0/16"),
    Row(_S + "networks.*.driver_opts", _YES, "com.docker.network.endpoint.ifname and .sysctls; others are named"),
    Row(_S + "networks.*.gw_priority", _YES, "the highest has the default route and the published ports"),
    *_honoured(_S, "networks.*.interface_name", "networks.*.use_service_name_alias", "links", "external_links"),
    # files
    *_honoured(_S, "volumes", "tmpfs", "secrets", "configs", "read_only", "devices", "shm_size"),
    Row(_S + "volumes.consistency", _YES, "always consistent: files are shared, not copied"),
    Row(_S + "volumes.bind.selinux", _NO, "files are not relabelled for SELinux"),
    Row(_S + "volumes.bind.recursive", _YES),
    Row(_S + "volumes.volume.labels", _YES, "of anonymous volumes"),
    Row(_S + "volumes.image", _YES, "read-only; a service's name stands for its image"),
    Row(_S + "volumes_from", _YES),
    Row(_S + "storage_opt", _NO, "overlayfs has no such options"),
    Row(_S + "use_api_socket", _REFUSED, "there is no engine socket to hand in"),
    Row(_S + "credential_spec", _NO, "for Windows containers"),
    Row(_S + "gpus", _REFUSED, "GPUs are not handed in yet; name their device files under devices"),
    # rights and limits
    *_honoured(_S, "privileged", "cap_add", "cap_drop", "security_opt", "sysctls", "ulimits", "pid", "ipc"),
    *_honoured(
        _S,
        "mem_limit",
        "mem_reservation",
        "memswap_limit",
        "cpus",
        "cpu_shares",
        "cpuset",
        "pids_limit",
        "oom_score_adj",
    ),
    Row(_S + "uts", _YES, "host"),
    Row(_S + "userns_mode", _YES, "host: containers have no user namespace of their own"),
    Row(_S + "cgroup", _YES, "host or private; left out, as Docker: private with cgroups v2, else the host's"),
    Row(_S + "cgroup_parent", _YES, "a path; cgroups are made without systemd"),
    Row(_S + "oom_kill_disable", _YES, "with cgroups v1; v2 has no such thing, which is said at the start"),
    Row(_S + "blkio_config", _YES, "as far as this machine's cgroups have it; what is missing is said at the start"),
    Row(_S + "cpu_count", _NO, "for Windows containers"),
    Row(_S + "cpu_percent", _NO, "for Windows containers"),
    *_honoured(_S, "cpu_quota", "cpu_period", "device_cgroup_rules", "umask"),
    Row(_S + "cpu_rt_period", _YES, "where the kernel groups real-time processes; elsewhere it is said at the start"),
    Row(_S + "cpu_rt_runtime", _YES, "where the kernel groups real-time processes; elsewhere it is said at the start"),
    Row(_S + "mem_swappiness", _YES, "with cgroups v1; v2 has no such thing, which is said at the start"),
    Row(_S + "isolation", _NO, "for Windows containers"),
    # logging, deploy, develop
    Row(
        _S + "logging",
        _YES,
        "json-file, local and none, with max-size and max-file; the first two are the same files with other defaults",
    ),
    Row(_S + "deploy", _YES),
    *_honoured(_S + "deploy.", "replicas", "resources.limits", "resources.reservations.memory"),
    Row(_S + "deploy.restart_policy", _YES, "goes before restart; Docker Compose knows no delay and no window"),
    Row(_S + "deploy.mode", _NO, "for clusters"),
    Row(_S + "deploy.endpoint_mode", _NO, "for clusters"),
    Row(_S + "deploy.labels", _NO, "for clusters"),
    Row(_S + "deploy.placement", _NO, "for clusters"),
    Row(_S + "deploy.update_config", _NO, "for clusters"),
    Row(_S + "deploy.rollback_config", _NO, "for clusters"),
    Row(_S + "deploy.resources.reservations.cpus", _NO, "for clusters"),
    Row(_S + "deploy.resources.reservations.generic_resources", _NO, "for clusters"),
    Row(
        _S + "deploy.resources.reservations.devices",
        _REFUSED,
        "GPUs are not handed in yet; name their device files under devices",
    ),
    Row(_S + "develop", _NO, "cais does not watch files yet; a bind mount shows every change at once"),
    Row(_S + "x-cais", _YES, "restart-unhealthy: true restarts a service that has become unhealthy"),
    # build
    Row(_S + "build", _YES),
    *_honoured(
        _B,
        "context",
        "dockerfile",
        "dockerfile_inline",
        "args",
        "target",
        "labels",
        "tags",
        "secrets",
        "no_cache",
        "extra_hosts",
    ),
    *_honoured(_B, "network", "shm_size", "pull", "ulimits", "ssh", "no_cache_filter"),
    Row(
        _B + "additional_contexts",
        _YES,
        "folders, git and web addresses, service:NAME, docker-image://NAME, oci-layout://FOLDER",
    ),
    Row(
        _B + "platforms",
        _YES,
        "this machine's own; others are named in a warning, and it is an error when it is not among them",
    ),
    Row(
        _B + "entitlements",
        _YES,
        "network.host and security.insecure: what RUN --network=host and --security=insecure need",
    ),
    Row(_B + "privileged", _YES, "as security.insecure"),
    Row(
        _B + "cache_from", _YES, "type=local and type=registry, in a form of Cais's own: BuildKit's caches are not read"
    ),
    Row(_B + "cache_to", _YES, "type=local and type=registry, mode=min and max; other types are an error"),
    Row(_B + "isolation", _NO, "for Windows containers"),
    Row(_B + "provenance", _NO, "no attestations are made"),
    Row(_B + "sbom", _NO, "no attestations are made"),
    # networks, volumes, secrets, configs
    *_honoured(_N, "name", "labels", "internal", "external", "ipam"),
    Row(_N + "driver", _YES, "bridge; external networks named host, none or bridge are the network modes of that name"),
    Row(_N + "attachable", _YES, "every network is"),
    Row(_N + "enable_ipv4", _YES, "false is refused"),
    Row(
        _N + "enable_ipv6",
        _YES,
        "beside IPv4; without a subnet one of fd00::/8 is chosen; published ports are relayed from the host's IPv6 side, also to these",
    ),
    Row(
        _N + "driver_opts",
        _YES,
        "of com.docker.network: bridge.name, bridge.enable_icc, bridge.enable_ip_masquerade, bridge.host_binding_ipv4, driver.mtu, container_iface_prefix; others are named",
    ),
    Row(_N + "ipam.config", _YES, "one subnet of a kind, as with Docker's bridges"),
    Row(_N + "ipam.options", _NO, "Cais gives the addresses"),
    *_honoured(_V, "name", "labels", "external"),
    Row(_V + "driver", _YES, "local"),
    Row(_V + "driver_opts", _YES, "type, o and device, as of Docker's local driver"),
    *[
        row
        for section in ("secrets.*.", "configs.*.")
        for row in (
            *_honoured(section, "name", "file", "environment", "content"),
            Row(section + "labels", _NO, "they are files, not objects of an engine"),
            Row(section + "external", _REFUSED, "there is no store that would have it; give a file or a variable"),
            Row(section + "driver", _REFUSED, "there is no store that would have it; give a file or a variable"),
            Row(section + "driver_opts", _NO, "there are no drivers"),
            Row(section + "template_driver", _REFUSED, "contents are not templates"),
        )
    ],
)

# values that matter: of these attributes, only the ones named are honoured
_ONLY: Mapping[str, tuple[State, tuple[str, ...], str]] = {
    "networks.*.driver": (State.REFUSED, ("", "default", "bridge"), "networks are bridges"),
    "volumes.*.driver": (State.REFUSED, ("", "default", "local"), "volumes are local"),
    "services.*.volumes.type": (
        State.REFUSED,
        ("bind", "volume", "tmpfs", "image"),
        "mounts are of type bind, volume, tmpfs or image",
    ),
    "services.*.ports.protocol": (State.REFUSED, ("tcp", "udp"), "ports are tcp or udp"),
    "services.*.logging.driver": (
        State.ELSEWHERE,
        ("", "json-file", "local", "none"),
        "logs are kept in files, as with json-file",
    ),
    "networks.*.ipam.driver": (State.REFUSED, ("", "default"), "Cais gives the addresses"),
    "services.*.uts": (State.REFUSED, ("", "host"), "a container has its own host name or the host's"),
    "services.*.userns_mode": (State.REFUSED, ("", "host"), "containers have no user namespace of their own"),
    "services.*.runtime": (
        State.REFUSED,
        ("", "crun", "runc", "io.containerd.runc.v2"),
        "containers run on crun or runc",
    ),
}
_NAMED = frozenset({"services", "networks", "volumes", "secrets", "configs", "services.*.networks"})
# below these stand values, not attributes
_VALUES = frozenset({_S + name for name in ("environment", "labels", "sysctls", "ulimits", "extra_hosts")})


def check(tree: MapNode, problems: Problems) -> None:
    """Warn of each attribute that has no effect here, and refuse what must not be left out. `tree` holds what is to run."""
    checker = _Checker(problems)
    for key, node in tree.items.items():
        if key != "services":
            checker.attribute(key, node, key, tree.key_span(key), "")
    for name, service, _ in reading.entries(tree, "services"):
        checker.below("services.*", service, "", f' of service "{name}"')
        if isinstance(service, MapNode):
            contradictions.check(name, service, problems)
        for network, place, _ in reading.entries(service, "networks"):
            networkoptions.check_endpoint(name, network, place, problems)
    for name, network_node, _ in reading.entries(tree, "networks"):
        networkoptions.check_network(name, network_node, problems)
    checker.warn()


class _Checker:
    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._rows = {row.path: row for row in ROWS}
        self._without_effect: dict[tuple[str, str], list[tuple[str, Span]]] = {}

    def attribute(self, pattern: str, node: Node, shown: str, span: Span, owner: str) -> None:
        row = self._rows.get(pattern)
        if row is not None and row.state is not State.HONOURED and not _is_void(node):
            self._tell(row.state, pattern, f'"{shown}"{owner}', row.words, span)
            return
        rule = _ONLY.get(pattern)
        if rule is not None and isinstance(node, ScalarNode) and node.value not in rule[1]:
            self._tell(rule[0], f"{pattern}: {node.value}", f'"{shown}: {node.value}"{owner}', rule[2], node.span)
        if pattern not in _VALUES:
            self.below(pattern, node, shown, owner)

    def below(self, pattern: str, node: Node, shown: str, owner: str) -> None:
        """Look at everything within `node`."""
        if isinstance(node, ListNode):
            for item in node.items:
                self.below(pattern, item, shown, owner)
        if not isinstance(node, MapNode):
            return
        for key, value in node.items.items():
            if key.startswith("x-") and key != "x-cais":
                continue
            step = "*" if pattern in _NAMED else key
            self.attribute(f"{pattern}.{step}", value, f"{shown}.{key}" if shown else key, node.key_span(key), owner)

    def _tell(self, state: State, pattern: str, what: str, words: str, span: Span) -> None:
        if state is State.REFUSED:
            self._problems.refuse(f"{what} is not supported: {words}", span, "see docs/compose-support.md")
        else:
            self._without_effect.setdefault((pattern, words), []).append((what, span))

    def warn(self) -> None:
        """One line for each attribute that has no effect here, with the first place and the number of the others."""
        for (_, words), found in self._without_effect.items():
            (what, span), others = found[0], len(found) - 1
            more = f" (and {others} more)" if others else ""
            self._problems.warn(f"{what}{more} has no effect: {words}", span)


def _is_void(node: Node) -> bool:
    """A `false`, an empty list or mapping asks for nothing."""
    if isinstance(node, ScalarNode):
        return node.value in {None, False, ""}
    return not node.items


def markdown() -> str:
    """The table as docs/compose-support.md, and where Cais differs from Docker Compose."""
    from cais.compose import differences

    lines = [
        "# Which Compose attributes Cais honours",
        "",
        "Made from the table in `src/cais/compose/support.py` (a test compares). *No effect here*: accepted with a warning that names the place.",
        "*Refused*: an error, because to go on without it would run something else than what the file says. Names that begin with `x-` are free.",
        "",
        "| attribute | state | remark |",
        "|--|--|--|",
    ]
    lines += [f"| `{row.path}` | {row.state.value} | {row.words} |" for row in ROWS]
    only = [
        f"| `{path}`, other than {', '.join(filter(None, values))} | {state.value} | {words} |"
        for path, (state, values, words) in _ONLY.items()
    ]
    return "\n".join([*lines, *only, "", *differences.markdown()]) + "\n"
