"""How registries are reached."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

DOCKER_HUB = "docker.io"
_HUB_HOST = "registry-1.docker.io"
_LOCAL = ("localhost", "[::1]")


class RegistrySettings(msgspec.Struct, frozen=True, kw_only=True):
    """`offline`: ask nobody. `mirrors` are hosts tried before a registry, by its name. `insecure` registries are spoken to in plain HTTP,
    as those on this machine are. `connect_timeout_s` bounds finding and reaching a host together, so that without a network the
    answer comes at once; `read_timeout_s` is the longest silence within an answer. `docker_config` is Docker's config.json."""

    offline: bool = False
    mirrors: Mapping[str, tuple[str, ...]] = {}
    insecure: tuple[str, ...] = ()
    connect_timeout_s: float = 3.0
    read_timeout_s: float = 30.0
    docker_config: str = ""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A host that may have an image. `registry` is the name credentials are filed under."""

    host: str
    scheme: str
    registry: str

    @property
    def is_local(self) -> bool:
        """Whether it is this machine, where no proxy stands between."""
        return is_local(self.host)


def endpoints(registry: str, settings: RegistrySettings) -> tuple[Endpoint, ...]:
    """Where to ask for an image of `registry`, in order."""
    hosts = [(mirror, mirror) for mirror in settings.mirrors.get(registry, ())]
    hosts.append((_HUB_HOST if registry == DOCKER_HUB else registry, registry))
    return tuple(
        Endpoint(host=host, registry=name, scheme="http" if is_local(host) or host in settings.insecure else "https")
        for host, name in hosts
    )


def is_local(host: str) -> bool:
    """Whether `host[:port]` is this machine: Docker speaks plain HTTP to those."""
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    return name in _LOCAL or name.startswith("127.")
