"""Top-level networks, volumes, secrets and configs."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class IpamPool(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of `ipam.config`."""

    subnet: str = ""
    gateway: str = ""
    ip_range: str = ""
    aux_addresses: Mapping[str, str] = {}


class Network(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A network. `key` is its key in the file, `name` the engine's name (project_key unless said or external)."""

    key: str
    name: str
    driver: str = ""
    driver_opts: Mapping[str, str] = {}
    internal: bool = False
    attachable: bool = False
    external: bool = False
    enable_ipv4: bool = True
    enable_ipv6: bool = False
    labels: Mapping[str, str] = {}
    ipam: tuple[IpamPool, ...] = ()
    ipam_driver: str = ""
    ipam_options: Mapping[str, str] = {}


class Volume(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A named volume; `key` and `name` as for Network."""

    key: str
    name: str
    driver: str = ""
    driver_opts: Mapping[str, str] = {}
    external: bool = False
    labels: Mapping[str, str] = {}


class FileObject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A secret or a config: exactly one of `file` (absolute), `environment`, `content`, or external, or what a driver makes of it."""

    key: str
    name: str
    file: str = ""
    environment: str = ""
    content: str | None = None
    external: bool = False
    labels: Mapping[str, str] = {}
    driver: str = ""
    driver_opts: Mapping[str, str] = {}
    template_driver: str = ""
