"""From canonical values to written ones: seconds to `1m30s`, bytes and modes to text, hosts to a list. What says nothing (false, 0, empty) is left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cais.compose import quantities
from cais.compose.nodes import Plain
from cais.compose.shapes import ssh

_Tree = dict[str, Plain]
_Reshape = Callable[[Plain], Plain]

# Of these also what is empty says something: a mapping that is there, false or 0 where silence means otherwise.
_SAYS_SOMETHING = frozenset(
    {
        *("attach", "init", "scale", "replicas", "retries", "parallelism", "max_attempts", "required"),
        *("enable_ipv4", "enable_ipv6", "command", "entrypoint", "create_host_path", "use_service_name_alias"),
    }
)
_SAYS_SOMETHING_AS_MAPPING = frozenset(
    {
        *("build", "deploy", "develop", "healthcheck", "logging", "blkio_config", "credential_spec", "provider"),
        *("limits", "reservations", "restart_policy", "update_config", "rollback_config"),
        *("bind", "volume", "tmpfs", "image", "exec"),
    }
)
# mappings whose keys are names, each for a mapping or for nothing
_NAMED = frozenset({"networks", "models", "depends_on"})
# mappings of names that the user chose, in which nothing is left out
_OPEN = frozenset(
    {
        *("environment", "labels", "annotations", "sysctls", "args", "driver_opts", "options", "additional_contexts"),
        *("storage_opt", "aux_addresses", "ulimits"),
    }
)


def service(plain: _Tree) -> _Tree:
    """A service."""
    return _sorted(said(_inside(_SERVICE)(plain)))


def said(plain: Plain) -> _Tree:
    """`plain` without what says nothing."""
    made: _Tree = {}
    for key, value in plain.items() if isinstance(plain, dict) else ():
        kept = value if key in _OPEN or key.startswith("x-") else _said_below(key, value)
        is_empty = kept in (None, False, 0, "", [], {}) and not key.startswith("x-")
        says = key in _SAYS_SOMETHING or (key in _SAYS_SOMETHING_AS_MAPPING and isinstance(kept, dict))
        if not is_empty or (says and kept is not None):
            made[key] = kept
    return made


def _said_below(key: str, value: Plain) -> Plain:
    if isinstance(value, list):
        return [said(item) if isinstance(item, dict) else item for item in value]
    if not isinstance(value, dict):
        return value
    if key in _NAMED:
        return {name: said(item) if isinstance(item, dict) else item for name, item in value.items()}
    return said(value)


def _sorted(tree: _Tree) -> _Tree:
    return {key: tree[key] for key in sorted(tree)}


# --- values ----------------------------------------------------------------------------------------------------------


def _duration(value: Plain) -> Plain:
    return quantities.format_duration(value) if isinstance(value, int | float) else value


def _size(value: Plain) -> Plain:
    """A size of 0 limits nothing."""
    return (str(value) if value else None) if isinstance(value, int) else value


def _number(value: Plain) -> Plain:
    """A number without a fraction is written as a whole one."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _mode(value: Plain) -> Plain:
    return f"0{value:o}" if isinstance(value, int) else value


def _inside(rows: Mapping[str, _Reshape]) -> Callable[[Plain], _Tree]:
    """A mapping of which some entries are reshaped."""

    def reshape(value: Plain) -> _Tree:
        if not isinstance(value, dict):
            return {}
        return {key: rows[key](item) if key in rows else item for key, item in value.items()}

    return reshape


def _optional(reshape: Callable[[Plain], _Tree]) -> _Reshape:
    return lambda value: reshape(value) if isinstance(value, dict) else value


def _each(reshape: _Reshape) -> _Reshape:
    """A list, or a mapping of names, whose items are reshaped."""

    def of_all(value: Plain) -> Plain:
        if isinstance(value, dict):
            return {key: reshape(item) for key, item in value.items()}
        return [reshape(item) for item in value] if isinstance(value, list) else value

    return of_all


def _hosts(value: Plain) -> Plain:
    if not isinstance(value, dict):
        return value
    pairs = [f"{name}={one}" for name, many in value.items() if isinstance(many, list) for one in many]
    return [*sorted(pairs)]


def _env_file(value: Plain) -> Plain:
    """A file that must be there and has no other format is shown by its path alone."""
    if isinstance(value, dict) and value.get("required") is not False and not value.get("format"):
        return value.get("path")
    return value


_RATES = _each(_optional(_inside({"rate": _size})))
_RESOURCES = _optional(_inside({"memory": _size, "cpus": _number}))
_UPDATE = _optional(_inside({"delay": _duration, "monitor": _duration, "max_failure_ratio": _number}))
_DEPLOY = _inside(
    {
        "resources": _optional(_inside({"limits": _RESOURCES, "reservations": _RESOURCES})),
        "restart_policy": _optional(_inside({"delay": _duration, "window": _duration})),
        "update_config": _UPDATE,
        "rollback_config": _UPDATE,
    }
)
_HEALTHCHECK = _inside(dict.fromkeys(("interval", "timeout", "start_period", "start_interval"), _duration))
_REFERENCES = _each(_optional(_inside({"mode": _mode})))
_MOUNT = _optional(_inside({"tmpfs": _optional(_inside({"size": _size}))}))
_SERVICE: dict[str, _Reshape] = {
    **dict.fromkeys(("shm_size", "mem_limit", "mem_reservation", "memswap_limit", "mem_swappiness"), _size),
    "stop_grace_period": _duration,
    "healthcheck": _HEALTHCHECK,
    "extra_hosts": _hosts,
    "volumes": _each(_MOUNT),
    "secrets": _REFERENCES,
    "configs": _REFERENCES,
    "deploy": _DEPLOY,
    "env_file": _each(_env_file),
    "blkio_config": _inside(
        dict.fromkeys(("device_read_bps", "device_read_iops", "device_write_bps", "device_write_iops"), _RATES)
    ),
    "build": _inside({"shm_size": _size, "extra_hosts": _hosts, "ssh": ssh, "secrets": _REFERENCES}),
    **dict.fromkeys(("cpus", "cpu_percent"), _number),
}
