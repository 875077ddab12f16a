"""The canonical model as a tree and as text, as `docker compose config` shows it: what is rendered loads to the same model again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

import msgspec

from cais.compose import quantities, scalars
from cais.compose.model.project import KeyPath, Project
from cais.compose.model.resources import FileObject, Network, Volume
from cais.compose.model.service import Service
from cais.compose.nodes import Plain
from cais.compose.schema import dotted
from cais.errors import Span

_Tree = dict[str, Plain]
_Reshape = Callable[[Plain], Plain]


class OriginRow(msgspec.Struct, frozen=True):
    """One value of a project and the place that set it (None for a default)."""

    path: KeyPath
    value: Plain
    span: Span | None

    def __str__(self) -> str:
        return f"{dotted(self.path)}: {scalars.as_text(self.value) if not isinstance(self.value, list | dict) else self.value}  ({self.span or 'default'})"


def to_tree(project: Project) -> _Tree:
    """The project as plain data in the shape of a Compose file: enabled services only, long forms, absolute paths. Text is not escaped."""
    tree: _Tree = {
        "name": project.name,
        "services": {name: _service(project.services[name]) for name in sorted(project.services)},
    }
    if project.networks:
        tree["networks"] = {key: _network(item) for key, item in sorted(project.networks.items())}
    if project.volumes:
        tree["volumes"] = {key: _without_key(item) for key, item in sorted(project.volumes.items())}
    for section, files in (("secrets", project.secrets), ("configs", project.configs)):
        if files:
            tree[section] = {key: _without_key(item) for key, item in sorted(files.items())}
    return tree


def to_yaml(tree: _Tree) -> str:
    """The tree as YAML; `$` is doubled, so that loading it puts no variables in."""
    import yaml

    class Dumper(yaml.CSafeDumper):
        pass

    # PyYAML quotes what YAML 1.1 would misread; go-yaml, which other tools use, has more (0o17, 1e3)
    def text(dumper: yaml.CSafeDumper, value: str) -> yaml.ScalarNode:
        is_plain = isinstance(scalars.resolve(value), str)
        style = "|" if "\n" in value and value.strip() else None if is_plain else '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    Dumper.ignore_aliases = lambda *_: True  # type: ignore[method-assign] # people copy parts: no anchors
    return yaml.dump(
        escaped(tree), Dumper=Dumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=1_000_000
    )


def to_json(tree: _Tree) -> str:
    """The tree as JSON, indented; `$` is doubled as in YAML."""
    text = msgspec.json.format(msgspec.json.encode(escaped(tree)), indent=2).decode()
    # characters that JSON allows as they are, and YAML, as which this may be read again, does not
    return re.sub("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]", lambda found: f"\\u{ord(found[0]):04x}", text)


def escaped(tree: Plain) -> Plain:
    """The tree with each `$` of its texts doubled."""
    if isinstance(tree, str):
        return tree.replace("$", "$$")
    if isinstance(tree, dict):
        return {key: escaped(value) for key, value in tree.items()}
    return [escaped(item) for item in tree] if isinstance(tree, list) else tree


def origins(project: Project) -> Iterator[OriginRow]:
    """Every single value of the project with the place that set it."""
    yield from _rows(project, (), to_tree(project))


def _rows(project: Project, path: KeyPath, value: Plain) -> Iterator[OriginRow]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _rows(project, (*path, key), item)
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _rows(project, (*path, index), item)
    else:
        yield OriginRow(path, value, project.origins.of(*path))


def _plain(struct: msgspec.Struct) -> _Tree:
    """A struct as plain data, its defaults left out, its tuples as lists."""
    return msgspec.json.decode(msgspec.json.encode(struct), type=dict)


# --- services --------------------------------------------------------------------------------------------------------


def _duration(value: Plain) -> Plain:
    return quantities.format_duration(value) if isinstance(value, int | float) else value


def _size(value: Plain) -> Plain:
    return str(value)


def _mode(value: Plain) -> Plain:
    return f"0{value:o}" if isinstance(value, int) else value


def _inside(rows: Mapping[str, _Reshape]) -> _Reshape:
    """A mapping of which some entries are reshaped."""

    def reshape(value: Plain) -> Plain:
        return (
            {key: rows[key](item) if key in rows else item for key, item in value.items()}
            if isinstance(value, dict)
            else value
        )

    return reshape


def _each(reshape: _Reshape) -> _Reshape:
    """A list, or a mapping of names, whose items are reshaped."""

    def of_all(value: Plain) -> Plain:
        if isinstance(value, dict):
            return {key: reshape(item) for key, item in value.items()}
        return [reshape(item) for item in value] if isinstance(value, list) else value

    return of_all


def _hosts(value: Plain) -> Plain:
    return [f"{pair[0]}={pair[1]}" for pair in value if isinstance(pair, list)] if isinstance(value, list) else value


def _ulimit(value: Plain) -> Plain:
    soft, hard = (
        (value["soft"], value["hard"])
        if isinstance(value, dict)
        else value
        if isinstance(value, list)
        else (value, value)
    )
    return soft if soft == hard else {"soft": soft, "hard": hard}


def _dependency(value: Plain) -> Plain:
    return {key: item for key, item in value.items() if key != "restart" or item} if isinstance(value, dict) else value


def _port(value: Plain) -> Plain:
    return {"mode": "ingress", "protocol": "tcp", **value} if isinstance(value, dict) else value


def _mount(value: Plain) -> Plain:
    if not isinstance(value, dict):
        return value
    made: _Tree = {key: value[key] for key in ("type", "source", "target", "read_only", "consistency") if key in value}
    for group in ("bind", "volume", "tmpfs", "image"):
        inner: _Tree = {
            key.removeprefix(f"{group}_"): item for key, item in value.items() if key.startswith(f"{group}_")
        }
        if inner:
            made[group] = _inside({"size": _size, "mode": lambda mode: mode})(inner)
    return made


_RESOURCES = _inside({"memory": _size})


def _deploy(value: Plain) -> Plain:
    if not isinstance(value, dict):
        return value
    resources: _Tree = {key: _RESOURCES(value[key]) for key in ("limits", "reservations") if key in value}
    made: _Tree = {key: item for key, item in value.items() if key not in resources}
    if resources:
        made["resources"] = resources
    return _inside({"restart_policy": _inside({"delay": _duration, "window": _duration})})(made)


_HEALTHCHECK = _inside(dict.fromkeys(("interval", "timeout", "start_period", "start_interval"), _duration))
_REFERENCES = _each(_inside({"mode": _mode}))
_BUILD = _inside({"shm_size": _size, "extra_hosts": _hosts, "ulimits": _each(_ulimit)})
_SERVICE: dict[str, _Reshape] = {
    **dict.fromkeys(("shm_size", "mem_limit", "mem_reservation", "memswap_limit"), _size),
    "stop_grace_period": _duration,
    "healthcheck": _HEALTHCHECK,
    "extra_hosts": _hosts,
    "ulimits": _each(_ulimit),
    "depends_on": _each(_dependency),
    "networks": _each(lambda place: place or None),
    "ports": _each(_port),
    "volumes": _each(_mount),
    "secrets": _REFERENCES,
    "configs": _REFERENCES,
    "deploy": _deploy,
    "build": _BUILD,
}
_LEFT_OUT = frozenset({"name", "env_file"})  # the key says the name; what env files say stands in environment


def _service(service: Service) -> Plain:
    plain = _plain(service)
    if service.build is not None:
        build = _plain(service.build)
        named: _Tree = {} if service.build.dockerfile_inline else {"dockerfile": service.build.dockerfile}
        plain["build"] = {**named, **build}
    return _inside(_SERVICE)({key: plain[key] for key in sorted(plain) if key not in _LEFT_OUT})


# --- top level -------------------------------------------------------------------------------------------------------


def _without_key(item: Network | Volume | FileObject) -> _Tree:
    return {key: value for key, value in _plain(item).items() if key != "key"}


def _network(network: Network) -> Plain:
    plain = _without_key(network)
    parts = {"driver": "ipam_driver", "config": "ipam", "options": "ipam_options"}
    ipam: _Tree = {part: plain.pop(key) for part, key in parts.items() if key in plain}
    return {**plain, "ipam": ipam} if ipam else plain
