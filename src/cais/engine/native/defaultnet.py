"""The network of containers that are on none of their project's (`network_mode: bridge`), as Docker's docker0: shared by all, without names.

It is there as long as a container is on it.
"""

from __future__ import annotations

import contextlib

from cais.engine.native.netprotocol import Endpoint
from cais.engine.native.parts import Parts
from cais.engine.native.records import Record
from cais.engine.protocol import ContainerSpec, EndpointSpec, NetworkSpec
from cais.errors import Conflict

NAME = "bridge"
_LOCK = "default-network"  # beside those of the containers, whose names are their ids


def is_wanted(spec: ContainerSpec) -> bool:
    """Whether the container is on it."""
    return spec.network_mode == NAME and not spec.endpoints


def connect(parts: Parts, record: Record, hostname: str) -> Endpoint:
    """Give a container a place on it; see Networking.connect."""
    with parts.locked(_LOCK):
        parts.networking.ensure_network(NetworkSpec(name=NAME))
        return parts.networking.connect(record.id, hostname, (EndpointSpec(network=NAME),), record.spec.ports)


def leave(parts: Parts) -> None:
    """A container has left: the last one takes it away."""
    with parts.locked(_LOCK), contextlib.suppress(Conflict):  # others are on it
        parts.networking.remove_network(NAME)


def hosts(parts: Parts, spec: ContainerSpec) -> tuple[tuple[str, str], ...]:
    """(name, address) of the containers that `spec` is linked with and that are on this network."""
    found = []
    for name, container in spec.host_links:
        other = parts.records.find(container)
        if other is not None and NAME in other.life.addresses:
            found.append((name, other.life.addresses[NAME]))
    return tuple(found)
