"""The forms of a service's attributes: one row an attribute."""

from __future__ import annotations

from cais.compose.forms.base import (
    Context,
    Table,
    apply,
    boolean,
    choice,
    duration,
    host_path,
    integer,
    ip_address,
    microseconds,
    mode,
    number,
    optional,
    refuse,
    same,
    size,
    table,
    text,
)
from cais.compose.forms.build import build
from cais.compose.forms.files import config_references, env_file, paths, secret_references
from cais.compose.forms.lists import command, each, environment, hosts, keyed, labels, one_or_more, texts, ulimits
from cais.compose.forms.mounts import devices, mounts
from cais.compose.forms.ports import ports
from cais.compose.nodes import ListNode, MapNode, Node, Path, ScalarNode, mapping, scalar


def _empty(node: Node, _at: Path, _context: Context) -> Node | None:
    return MapNode({}, {}, node.span)


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
        "mac_address": text,
        "link_local_ips": each(ip_address),
        "interface_name": text,
        "driver_opts": labels,
        "priority": integer,
        "gw_priority": integer,
        "use_service_name_alias": boolean,
    }
)
_HOOK = table(
    {"command": command, "user": text, "privileged": boolean, "working_dir": text, "environment": environment}
)
_WEIGHTS = each(table({"path": text, "weight": integer}))
_BYTE_RATES = each(table({"path": text, "rate": size}))
_RATES = each(table({"path": text, "rate": integer}))
_BLKIO = {
    "weight": integer,
    "weight_device": _WEIGHTS,
    "device_read_bps": _BYTE_RATES,
    "device_write_bps": _BYTE_RATES,
    "device_read_iops": _RATES,
    "device_write_iops": _RATES,
}
_DEPENDENCY = table({"condition": text, "restart": boolean, "required": boolean})
_WATCH = table(
    {
        "path": host_path,
        "action": text,
        "target": text,
        "ignore": one_or_more,
        "include": one_or_more,
        "initial_sync": boolean,
    }
)
_RESOURCES = table({"cpus": number, "memory": size, "pids": integer})
_DEPLOY = {
    "mode": text,
    "replicas": integer,
    "labels": labels,
    "resources": table({"limits": _RESOURCES, "reservations": _RESOURCES}),
    "restart_policy": table(
        {
            "condition": choice("any", "none", "on-failure"),
            "delay": duration,
            "max_attempts": integer,
            "window": duration,
        }
    ),
}
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
        return table({"service": text, "file": host_path})(node, at, context)
    name = text(node, at, context)
    return mapping({"service": name}, node.span) if name is not None else None


SERVICE: Table = {
    **dict.fromkeys(
        (
            "image",
            "container_name",
            "hostname",
            "domainname",
            "user",
            "working_dir",
            "network_mode",
            "mac_address",
            "stop_signal",
        ),
        text,
    ),
    **dict.fromkeys(
        (
            "ipc",
            "uts",
            "userns_mode",
            "cgroup",
            "cgroup_parent",
            "cpuset",
            "restart",
            "platform",
            "pull_policy",
            "pull_refresh_after",
            "runtime",
        ),
        text,
    ),
    **dict.fromkeys(("init", "tty", "stdin_open", "read_only", "privileged", "oom_kill_disable", "attach"), boolean),
    **dict.fromkeys(("shm_size", "mem_limit", "mem_reservation", "memswap_limit"), size),
    **dict.fromkeys(("cpu_shares", "cpu_quota", "cpu_period", "pids_limit", "oom_score_adj", "scale"), integer),
    **dict.fromkeys(("cpu_rt_runtime", "cpu_rt_period"), microseconds),
    "mem_swappiness": integer,
    "blkio_config": table(_BLKIO),
    "pid": optional(text),
    "umask": optional(mode),
    **dict.fromkeys(("post_start", "pre_stop"), each(_HOOK)),
    "cpus": number,
    "stop_grace_period": duration,
    **dict.fromkeys(("command", "entrypoint"), command),
    **dict.fromkeys(("dns", "dns_search", "tmpfs"), one_or_more),
    **dict.fromkeys(("dns_opt", "cap_add", "cap_drop", "security_opt", "group_add", "expose", "profiles"), texts),
    **dict.fromkeys(("links", "external_links", "volumes_from", "device_cgroup_rules"), texts),
    "environment": environment,
    **dict.fromkeys(("labels", "annotations", "sysctls", "storage_opt"), labels),
    "label_file": paths,
    "extra_hosts": hosts,
    "depends_on": keyed(_started, _DEPENDENCY),
    "networks": keyed(_empty, _NETWORK),
    "healthcheck": table(_HEALTHCHECK),
    "ports": ports,
    "volumes": mounts,
    "devices": devices,
    "secrets": secret_references,
    "configs": config_references,
    "ulimits": ulimits,
    "build": build,
    "env_file": env_file,
    "logging": table({"driver": text, "options": labels}),
    "deploy": table(_DEPLOY),
    "develop": table({"watch": each(_WATCH)}),
    "extends": _extends,
    "x-cais": table({"restart-unhealthy": boolean}, strict=True),
    **dict.fromkeys(("provider", "models", "gpus"), same),
}


def service(node: Node, at: Path, context: Context) -> Node | None:
    """A service in canonical form."""
    return apply(SERVICE, node, at, context) if isinstance(node, MapNode) else refuse(node, at, context, "a mapping")
