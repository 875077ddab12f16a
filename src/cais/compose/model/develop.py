"""`develop` of a service (Compose Develop Specification)."""

from __future__ import annotations

import msgspec


class WatchRule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of `develop.watch`; `path` is absolute."""

    path: str
    action: str
    target: str = ""
    ignore: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    initial_sync: bool = False


class Develop(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`develop`."""

    watch: tuple[WatchRule, ...] = ()
