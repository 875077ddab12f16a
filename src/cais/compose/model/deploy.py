"""`deploy` of a service (Compose Deploy Specification), as far as one machine can honour it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class ResourceSet(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Limits or reservations; memory in bytes, cpus in cores."""

    cpus: float | None = None
    memory: int | None = None
    pids: int | None = None


class DeployRestart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`deploy.restart_policy`; durations in seconds."""

    condition: str = "any"
    delay: float | None = None
    max_attempts: int | None = None
    window: float | None = None


class Deploy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`deploy`."""

    mode: str = ""
    replicas: int | None = None
    labels: Mapping[str, str] = {}
    limits: ResourceSet | None = None
    reservations: ResourceSet | None = None
    restart_policy: DeployRestart | None = None
