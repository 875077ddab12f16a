"""Of every attribute in the model: a change of it makes another container, and what is honoured reaches what the engine is asked for.

So nothing is parsed and ignored, and no container keeps running with an attribute that the file has otherwise by now.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from cais.compose.model.project import Project
from cais.compose.model.resources import FileObject, Network, Volume
from cais.compose.model.service import Service
from cais.compose.support import ROWS, State
from cais.engine.protocol import ContainerSpec
from cais.project import names, translate
from tests.unit.project.projects import image

Path = tuple[str, ...]

# How many, when, from which image, what is shown: not the container's own.
OF_THE_PROJECT = frozenset(
    (
        *("build", "depends_on", "scale", "profiles", "pull_policy", "pull_refresh_after", "develop", "attach"),
        *("env_file", "platform"),
    )
)
NOT_PART = frozenset({("name",), ("deploy", "replicas"), *((name,) for name in OF_THE_PROJECT)})
REMARKS = frozenset({("expose",), ("ports", "mode"), ("ports", "name"), ("ports", "app_protocol")})
REMARKS |= {("pre_start",), ("volumes", "consistency"), ("userns_mode",), ("logging", "driver")}
REMARKS |= {("networks", "priority")}  # an order among several networks, which these services do not have
# Not in the schema: limits and reservations share a model.
REMARKS |= {
    ("deploy", "reservations", "pids"),
    ("deploy", "limits", "devices"),
    ("deploy", "limits", "generic_resources"),
}

# Texts that must be one of some, or of a certain form.
SAMPLES: dict[Path, Any] = {
    ("restart",): "always",
    ("network_mode",): "none",
    ("devices",): ["/dev/a:/dev/b:r"],
    ("tmpfs",): ["/t:size=1m"],
    ("ulimits",): {"core": {"soft": 1, "hard": 2}},
    ("ports", "published"): "8081",
    ("ports", "protocol"): "udp",
    ("volumes", "type"): "tmpfs",
    ("volumes", "source"): "/elsewhere",
    ("volumes", "bind_recursive"): "readonly",
    ("volumes_from",): ["container:x"],
    ("networks", "driver_opts"): {"com.docker.network.endpoint.ifname": "x"},
    **{(kind, key): "5" for kind in ("secrets", "configs") for key in ("uid", "gid")},
    ("secrets", "source"): "another",
    ("configs", "source"): "another",
    ("logging", "options"): {"max-size": "1m"},
    ("logging", "driver"): "local",
    ("deploy", "restart_policy", "condition"): "on-failure",
    **{
        ("blkio_config", name): [{"path": "/dev/a", key: 9}]
        for key, parts in (("weight", ("weight_device",)), ("rate", ("device_read_bps", "device_write_bps")))
        for name in parts
    },
    **{("blkio_config", f"device_{verb}_iops"): [{"path": "/dev/a", "rate": 9}] for verb in ("read", "write")},
}
SAMPLES |= {
    ("gpus",): [{"driver": "x"}],
    ("provider",): {"type": "x"},
    ("models",): {"m": {"model_var": "x"}},
    ("pre_start",): [{"command": ["x"]}],  # runs in containers of its own
    ("deploy", "reservations", "devices"): [{"driver": "x"}],
    ("deploy", "reservations", "generic_resources"): [{"kind": "x", "value": 1}],
    ("deploy", "limits", "devices"): [{"driver": "x"}],
    ("deploy", "limits", "generic_resources"): [{"kind": "x", "value": 1}],
}
# What stands around a sample, so that it has a meaning.
FRAMES: dict[str, dict[str, Any]] = {
    "ports": {"target": 80},
    "volumes": {"type": "bind", "source": "/s", "target": "/t"},
    "secrets": {"source": "told", "target": "/run/secrets/told"},
    "configs": {"source": "told", "target": "/told"},
    "healthcheck": {"test": ["CMD", "y"]},
    "post_start": {"command": ["y"]},
    "pre_stop": {"command": ["y"]},
    "networks": {},
    "build": {"context": "/c"},
}
LISTS = frozenset({"ports", "volumes", "secrets", "configs", "post_start", "pre_stop"})


def leaves(kind: type[msgspec.Struct], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Each attribute below `kind`, with a value that is not its default."""
    for field in msgspec.structs.fields(kind):
        at = (*path, field.encode_name)
        if at in SAMPLES:
            yield at, SAMPLES[at]
        elif isinstance(field.default, bool):
            yield at, not field.default
        elif (inner := _struct(inspect.type_info(field.type))) is not None:
            yield from leaves(inner, at)
        else:
            yield at, _sample(inspect.type_info(field.type))


def _struct(info: inspect.Type) -> type[msgspec.Struct] | None:
    match info:
        case inspect.StructType(cls=kind):
            return kind
        case inspect.UnionType():
            return next(filter(None, map(_struct, info.types)), None)
        case inspect.VarTupleType():
            return _struct(info.item_type)
        case inspect.DictType():
            return _struct(info.value_type)
    return None


def _sample(info: inspect.Type) -> Any:
    match info:
        case inspect.BoolType():
            return True
        case inspect.IntType():
            return 7
        case inspect.FloatType():
            return 1.5
        case inspect.StrType():
            return "x"
        case inspect.EnumType():
            return list(info.cls)[-1].value
        case inspect.DictType():
            return {"k": "v"}
        case inspect.TupleType():
            return [_sample(item) for item in info.item_types]
        case inspect.VarTupleType():
            return [_sample(info.item_type)]
        case inspect.UnionType():
            return _sample(next(one for one in info.types if not isinstance(one, inspect.NoneType)))
    raise AssertionError(f"no sample for {info}")


LEAVES = [(path, value) for path, value in leaves(Service) if path[0] not in OF_THE_PROJECT and path not in NOT_PART]


def service(path: Path, *value: Any) -> Service:
    """A service that says nothing but what surrounds the attribute at `path`, and `value` if that is given."""
    plain: dict[str, Any] = {"name": "web", "image": "web:1", "networks": {"default": {}}}
    inner: dict[str, Any] = plain
    if len(path) > 1:
        inner = dict(FRAMES.get(path[0], {}))
        plain[path[0]] = [inner] if path[0] in LISTS else {"default": inner} if path[0] == "networks" else inner
        for step in path[1:-1]:
            inner[step] = {}
            inner = inner[step]
    for one in value:
        inner[path[-1]] = one
    return msgspec.convert(plain, Service)


def spec(one: Service) -> ContainerSpec:
    contents = {key: FileObject(key=key, name=key, content=f"content of {key}") for key in ("told", "another")}
    project = Project(
        name="shop",
        directory="/shop",
        services={"web": one},
        networks={"default": Network(key="default", name="shop_default")},
        volumes={"x": Volume(key="x", name="shop_x")},
        secrets=contents,
        configs=contents,
    )
    return translate.container_spec(project, one, 1, image())


def is_honoured(path: Path) -> bool:
    """By the table; mounts are flat in the model and groups in the table."""
    written = ".".join(path).replace("deploy.limits", "deploy.resources.limits")
    written = written.replace("deploy.reservations", "deploy.resources.reservations")
    for group in ("bind", "volume", "tmpfs", "image"):
        written = written.replace(f"volumes.{group}_", f"volumes.{group}.")
    steps = written.replace("networks.", "networks.*.").split(".")
    states = {row.path: row.state for row in ROWS}
    prefixes = [".".join(("services", "*", *steps[:length])) for length in range(1, len(steps) + 1)]
    return all(states.get(prefix, State.HONOURED) is State.HONOURED for prefix in prefixes)


@pytest.mark.parametrize(("path", "value"), LEAVES, ids=[".".join(path) for path, _ in LEAVES])
def test_a_change_makes_another_container(path: Path, value: Any) -> None:
    assert spec(service(path)).config_hash != spec(service(path, value)).config_hash


@pytest.mark.parametrize(
    ("path", "value"),
    [(path, value) for path, value in LEAVES if is_honoured(path) and path not in REMARKS],
    ids=lambda one: ".".join(one) if isinstance(one, tuple) else "",
)
def test_what_is_honoured_reaches_the_engine(path: Path, value: Any) -> None:
    without, with_it = (_bare(spec(one)) for one in (service(path), service(path, value)))
    assert without != with_it


def _bare(one: ContainerSpec) -> ContainerSpec:
    """Without what tells of the file, not of the container."""
    labels = {key: value for key, value in one.labels.items() if key != names.CONFIG_HASH}
    return msgspec.structs.replace(one, labels=labels, config="", config_hash="")


def test_what_is_not_part_of_a_container_changes_nothing() -> None:
    plain = service(("name",))
    for other in (
        msgspec.structs.replace(plain, scale=3, pull_policy="always", profiles=("x",)),
        service(("deploy", "replicas"), 4),
    ):
        base = plain if other.deploy is None else service(("deploy", "replicas"))
        assert spec(base).config_hash == spec(other).config_hash
