"""`deploy` of a service (Compose Deploy Specification), and the devices that it and `gpus` ask for."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

ALL_DEVICES = -1


class DeviceRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Devices asked for by what they can do. `count` is `ALL_DEVICES` for all there are; it is None where `device_ids` name them."""

    capabilities: tuple[str, ...] = ()
    driver: str = ""
    count: int | None = None
    device_ids: tuple[str, ...] = ()
    options: Mapping[str, str] = {}


class GenericResource(msgspec.Struct, frozen=True, kw_only=True):
    """A resource that the cluster's owner defined: so many of a kind."""

    kind: str
    value: int


class ResourceSet(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Limits or reservations; memory in bytes, cpus in cores."""

    cpus: float | None = None
    memory: int | None = None
    pids: int | None = None
    devices: tuple[DeviceRequest, ...] = ()
    generic_resources: tuple[GenericResource, ...] = ()


class DeployRestart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`deploy.restart_policy`; durations in seconds."""

    condition: str = "any"
    delay: float | None = None
    max_attempts: int | None = None
    window: float | None = None


class UpdateConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`deploy.update_config` and `deploy.rollback_config`; durations in seconds."""

    parallelism: int | None = None
    delay: float | None = None
    failure_action: str = ""
    monitor: float | None = None
    max_failure_ratio: float | None = None
    order: str = ""


class Placement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`deploy.placement`; `spread` holds the preferences in their order."""

    constraints: tuple[str, ...] = ()
    spread: tuple[str, ...] = ()
    max_replicas_per_node: int | None = None


class Deploy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`deploy`."""

    mode: str = ""
    endpoint_mode: str = ""
    replicas: int | None = None
    labels: Mapping[str, str] = {}
    limits: ResourceSet | None = None
    reservations: ResourceSet | None = None
    restart_policy: DeployRestart | None = None
    update_config: UpdateConfig | None = None
    rollback_config: UpdateConfig | None = None
    placement: Placement | None = None
