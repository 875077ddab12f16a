"""`develop` of a service (Compose Develop Specification)."""

from __future__ import annotations

import msgspec

from cais.compose.model.hooks import Hook


class WatchRule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of `develop.watch`; `path` is absolute. `exec` is run in the container after `sync+exec` has copied."""

    path: str
    action: str
    target: str = ""
    ignore: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    initial_sync: bool = False
    exec: Hook | None = None


class Develop(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`develop`."""

    watch: tuple[WatchRule, ...] = ()
