"""A service's `ports` in long form."""

from __future__ import annotations

import msgspec


class Port(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One published port. `published` is "" for any free one, a port, or a range "8000-8010" to choose from; ranges that map one to one are expanded."""

    target: int
    published: str = ""
    host_ip: str = ""
    protocol: str = "tcp"
    mode: str = "ingress"
    name: str = ""
    app_protocol: str = ""
