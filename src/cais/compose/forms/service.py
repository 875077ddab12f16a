"""The forms of a service's attributes: one row an attribute."""

from __future__ import annotations

from cais.compose.forms.base import (
    Context,
    Table,
    apply,
    boolean,
    duration,
    integer,
    ip_address,
    microseconds,
    mode,
    number,
    optional,
    or_nothing,
    refuse,
    size,
    table,
    text,
)
from cais.compose.forms.build import build
from cais.compose.forms.deploy import deploy
from cais.compose.forms.files import config_references, env_file, paths, secret_references
from cais.compose.forms.hooks import develop, hooks, pre_start
from cais.compose.forms.limits import blkio, gpus, named, ulimits
from cais.compose.forms.lists import command, each, entries, environment, hosts, keyed, labels, one_or_more, texts
from cais.compose.forms.mounts import devices, mounts
from cais.compose.forms.ports import ports
from cais.compose.nodes import ListNode, MapNode, Node, Path, ScalarNode, mapping, scalar


def _nothing(node: Node, _at: Path, _context: Context) -> Node | None:
    return scalar(None, node.span)


def _started(node: Node, _at: Path, _context: Context) -> Node | None:
    return mapping(
        {"condition": scalar("service_started", node.span), "required": scalar(value=True, span=node.span)}, node.span
    )


def _test(node: Node, at: Path, context: Context) -> Node | None:
    """A line means `CMD-SHELL`; an empty list or line means that the image's test holds."""
    if isinstance(node, ScalarNode):
        line = text(node, at, context)
        return ListNode((scalar("CMD-SHELL", node.span), line), node.span, node.tag) if line is not None else None
    made = texts(node, at, context)
    first = made.items[0] if isinstance(made, ListNode) and made.items else None
    if isinstance(first, ScalarNode) and first.value not in {"CMD", "CMD-SHELL", "NONE"}:
        return refuse(
            first,
            (*at, 0),
            context,
            '"CMD", "CMD-SHELL" or "NONE"',
            "or write the test as one line, which a shell then runs",
        )
    return made


_NETWORK = table(
    {
        "aliases": texts,
        "ipv4_address": ip_address,
        "ipv6_address": ip_address,
        "link_local_ips": each(ip_address),
        "mac_address": text,
        "interface_name": text,
        "driver_opts": labels,
        "priority": integer,
        "gw_priority": integer,
        "use_service_name_alias": boolean,
    }
)
_DEPENDENCY = table({"condition": text, "restart": boolean, "required": boolean})
_HEALTHCHECK = {
    "test": _test,
    "interval": duration,
    "timeout": duration,
    "start_period": duration,
    "start_interval": duration,
    "retries": integer,
    "disable": boolean,
}


def _extends(node: Node, at: Path, context: Context) -> Node | None:
    if isinstance(node, MapNode):
        return table({"service": text, "file": text})(node, at, context)
    name = text(node, at, context)
    return mapping({"service": name}, node.span) if name is not None else None


_MODEL = table({"endpoint_var": text, "model_var": text})
_TEXTS = (
    *("image", "container_name", "hostname", "domainname", "user", "working_dir", "network_mode", "mac_address"),
    *("stop_signal", "ipc", "uts", "userns_mode", "cgroup", "cgroup_parent", "cpuset", "restart", "platform"),
    *("pull_policy", "pull_refresh_after", "runtime", "isolation"),
)
_BOOLEANS = ("init", "tty", "stdin_open", "read_only", "privileged", "oom_kill_disable", "attach", "use_api_socket")
_INTEGERS = (
    *("cpu_shares", "cpu_count", "cpu_quota", "cpu_period", "pids_limit", "oom_score_adj", "scale", "mem_swappiness"),
)
_LISTS = (
    *("dns_opt", "cap_add", "cap_drop", "security_opt", "group_add", "expose", "profiles", "device_cgroup_rules"),
    *("links", "external_links", "volumes_from"),
)
SERVICE: Table = {
    **dict.fromkeys(_TEXTS, text),
    **dict.fromkeys(_BOOLEANS, boolean),
    **dict.fromkeys(_INTEGERS, integer),
    **dict.fromkeys(_LISTS, texts),
    **dict.fromkeys(("shm_size", "mem_limit", "mem_reservation", "memswap_limit"), size),
    **dict.fromkeys(("cpus", "cpu_percent"), number),
    **dict.fromkeys(("cpu_rt_period", "cpu_rt_runtime"), microseconds),
    **dict.fromkeys(("command", "entrypoint"), command),
    **dict.fromkeys(("dns", "dns_search", "tmpfs"), one_or_more),
    **dict.fromkeys(("labels", "annotations", "sysctls"), labels),
    **dict.fromkeys(("post_start", "pre_stop"), hooks),
    "pid": optional(text),
    "umask": optional(mode),
    "stop_grace_period": duration,
    "environment": environment,
    "label_file": paths,
    "extra_hosts": hosts,
    "depends_on": keyed(_started, _DEPENDENCY),
    "networks": keyed(_nothing, or_nothing(_NETWORK)),
    "healthcheck": table(_HEALTHCHECK),
    "ports": ports,
    "volumes": mounts,
    "devices": devices,
    "secrets": secret_references,
    "configs": config_references,
    "ulimits": ulimits,
    "blkio_config": blkio,
    "gpus": gpus,
    "build": build,
    "env_file": env_file,
    "logging": table({"driver": text, "options": labels}),
    "deploy": deploy,
    "develop": develop,
    "extends": _extends,
    "pre_start": pre_start,
    "provider": table({"type": text, "options": named(one_or_more)}),
    "models": keyed(_nothing, or_nothing(_MODEL)),
    "credential_spec": table({"config": text, "file": text, "registry": text}),
    "storage_opt": entries(bare=""),
    "x-cais": table({"restart-unhealthy": boolean}, strict=True),
}


def service(node: Node, at: Path, context: Context) -> Node | None:
    """A service in canonical form."""
    return apply(SERVICE, node, at, context) if isinstance(node, MapNode) else refuse(node, at, context, "a mapping")
