"""Commands at turning points of a container's life (Compose Specification, 05-services.md, "post_start", "pre_stop")."""

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
