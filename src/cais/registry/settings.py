"""How registries are reached. Values only: `cli` reads them from the registries file and the environment."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cais.registry.retry import DEFAULT_RETRY, RetryPolicy

DOCKER_HUB = "docker.io"
_HUB_HOST = "registry-1.docker.io"
_LOCAL = ("localhost", "[::1]")


class HostSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How one registry, or a mirror of one, is reached.

    `mirrors` are tried before a registry, each `[http[s]://]host[:port][/prefix]`. An `insecure` host may have a certificate nobody vouches
    for, or speak plain HTTP; so may hosts on this machine, unless `ca` is given: a file of certificates trusted besides the system's.
    `chunk_bytes` is the most that is sent in one request (0: any size), for registries behind something that limits it.
    """

    mirrors: tuple[str, ...] = ()
    insecure: bool = False
    ca: str = ""
    chunk_bytes: int = 0


class RegistrySettings(msgspec.Struct, frozen=True, kw_only=True):
    """`offline`: ask nobody. `hosts` by name (`docker.io`, `registry.example:5000`).

    `connect_timeout_s` bounds finding and reaching a host together, so that without a network the answer comes at once; `read_timeout_s` is
    the longest silence within an answer, and the time in which at least `least_bytes` have to come. `transfers` is how many blobs travel at
    a time, `retry` when what failed is tried again. `docker_config` is Docker's config.json; `certificates` the folder where Docker has a folder of certificates for each host.
    """

    offline: bool = False
    hosts: Mapping[str, HostSettings] = {}
    connect_timeout_s: float = 3.0
    read_timeout_s: float = 30.0
    least_bytes: int = 1024
    transfers: int = 3
    retry: RetryPolicy = DEFAULT_RETRY
    docker_config: str = ""
    certificates: str = ""

    def of(self, host: str) -> HostSettings:
        """What is said of `host`."""
        return self.hosts.get(host, _PLAIN)


_PLAIN = HostSettings()


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A host that may have an image. `scheme` is "" while it must be found out whether it speaks TLS; `prefix` stands before the repository's
    name there; `registry` is the name that credentials are filed under."""

    host: str
    scheme: str
    registry: str
    prefix: str = ""
    trusts_anybody: bool = False

    @property
    def is_local(self) -> bool:
        """Whether it is this machine, where no proxy stands between."""
        return is_local(self.host)


def endpoints(registry: str, settings: RegistrySettings) -> tuple[Endpoint, ...]:
    """Where to ask for an image of `registry`, in order; the last is the registry itself."""
    mirrors = tuple(_mirror(text, settings) for text in settings.of(registry).mirrors)
    return (*mirrors, endpoint_of(registry, settings))


def endpoint_of(registry: str, settings: RegistrySettings) -> Endpoint:
    """The registry itself: the only one to push to."""
    return _endpoint(_HUB_HOST if registry == DOCKER_HUB else registry, registry, "", "", settings)


def is_local(host: str) -> bool:
    """Whether `host[:port]` is this machine."""
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    return name in _LOCAL or name.startswith("127.")


def _mirror(text: str, settings: RegistrySettings) -> Endpoint:
    scheme, separator, rest = text.partition("://")
    host, _, prefix = (rest if separator else text).strip("/").partition("/")
    return _endpoint(host, host, scheme if separator else "", prefix, settings)


def _endpoint(host: str, registry: str, scheme: str, prefix: str, settings: RegistrySettings) -> Endpoint:
    of_host = settings.of(registry)
    trusts_anybody = of_host.insecure or (is_local(host) and not of_host.ca)
    return Endpoint(
        host=host,
        scheme=scheme or ("" if trusts_anybody else "https"),
        registry=registry,
        prefix=prefix,
        trusts_anybody=trusts_anybody,
    )
