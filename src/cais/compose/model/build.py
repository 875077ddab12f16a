"""`build` of a service (Compose Build Specification)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class BuildSecret(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A secret offered to a build; `source` is a key of the project's `secrets`, `target` the id that RUN names."""

    source: str
    target: str = ""


class Build(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How to build a service's image. `context` is an absolute path or a URL; `dockerfile` is relative to it. An argument of None takes the environment's value."""

    context: str
    dockerfile: str = "Dockerfile"
    dockerfile_inline: str = ""
    args: Mapping[str, str | None] = {}
    target: str = ""
    labels: Mapping[str, str] = {}
    tags: tuple[str, ...] = ()
    additional_contexts: Mapping[str, str] = {}
    cache_from: tuple[str, ...] = ()
    cache_to: tuple[str, ...] = ()
    secrets: tuple[BuildSecret, ...] = ()
    ssh: tuple[str, ...] = ()
    extra_hosts: tuple[tuple[str, str], ...] = ()
    network: str = ""
    no_cache: bool = False
    no_cache_filter: tuple[str, ...] = ()
    pull: bool = False
    platforms: tuple[str, ...] = ()
    privileged: bool = False
    entitlements: tuple[str, ...] = ()
    provenance: str = ""
    sbom: str = ""
    shm_size: int | None = None
    ulimits: Mapping[str, tuple[int, int]] = {}
    isolation: str = ""
