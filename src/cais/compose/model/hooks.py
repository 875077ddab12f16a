"""Commands that are run around a container's life: `pre_start`, `post_start`, `pre_stop` of a service, `exec` of a watch rule."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Hook(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A command that is run inside the service's container. A variable of None is unset for it."""

    command: tuple[str, ...]
    user: str = ""
    privileged: bool = False
    working_dir: str = ""
    environment: Mapping[str, str | None] = {}


class PreStartHook(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A container run before the service's own; it may say all that a service's container can. `per_replica`: once before each replica."""

    command: tuple[str, ...] | None = None
    image: str = ""
    user: str = ""
    privileged: bool = False
    working_dir: str = ""
    environment: Mapping[str, str | None] = {}
    per_replica: bool = False
