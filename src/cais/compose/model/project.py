"""The loaded project: frozen, typed, every value with its source position."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cais.compose.model.models import Model
from cais.compose.model.resources import FileObject, Network, Volume
from cais.compose.model.service import Service
from cais.errors import Problem, Span

KeyPath = tuple[str | int, ...]


class Replaced(msgspec.Struct, frozen=True):
    """A value that another one has taken the place of, and where it stands."""

    value: str | int | float | bool | None
    span: Span


class Origins(msgspec.Struct, frozen=True):
    """Which place in which file set a value, and which it replaced there, the last first.

    The key is the path in the merged file, e.g. ("services", "web", "environment", "DEBUG").
    """

    spans: Mapping[KeyPath, Span] = {}
    replaced: Mapping[KeyPath, tuple[Replaced, ...]] = {}

    def of(self, *path: str | int) -> Span | None:
        """The place that set `path`, or its nearest ancestor that has one."""
        for length in range(len(path), 0, -1):
            span = self.spans.get(path[:length])
            if span is not None:
                return span
        return None

    def replaced_at(self, *path: str | int) -> tuple[Replaced, ...]:
        """What the value at `path` took the place of, itself or with the list or mapping that it is part of."""
        found = (self.replaced.get(path[:length]) for length in range(len(path), 0, -1))
        return next((replaced for replaced in found if replaced), ())


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A Compose project. `services` holds the enabled ones, `disabled` those whose profiles are not active.

    `directory` is the project directory (absolute), `files` the Compose files in order. Of networks, volumes, secrets, configs and models, those that
    an enabled service uses are there. `refusals` say what Cais cannot do for this project, `warnings` are remarks of the loader (unset variables,
    attributes that are not honoured), each with its place.
    """

    name: str
    directory: str
    files: tuple[str, ...] = ()
    services: Mapping[str, Service] = {}
    disabled: Mapping[str, Service] = {}
    networks: Mapping[str, Network] = {}
    volumes: Mapping[str, Volume] = {}
    secrets: Mapping[str, FileObject] = {}
    configs: Mapping[str, FileObject] = {}
    models: Mapping[str, Model] = {}
    environment: Mapping[str, str] = {}
    profiles: tuple[str, ...] = ()
    origins: Origins = Origins()
    refusals: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
