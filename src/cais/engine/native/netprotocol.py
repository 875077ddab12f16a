"""What the native engine asks of its networking; `engine.native.network` implements it."""

from __future__ import annotations

from typing import Protocol

import msgspec

from cais.engine.protocol import EndpointSpec, NetworkSpec, NetworkState, PortSpec


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A container's prepared place: addresses (IPv6 in `addresses6`) by network name, host ports as bound, and the network namespace to join."""

    namespace: str
    addresses: dict[str, str]
    ports: tuple[PortSpec, ...]
    name_servers: tuple[str, ...]
    addresses6: dict[str, str] = {}


class Networking(Protocol):
    """Networks and endpoints. An endpoint outlives its container's process: it is made at create and goes at remove.

    What must outlive the process is written to the database before it is made, so that `repair` finds it.
    """

    def ensure_network(self, spec: NetworkSpec) -> NetworkState:
        """Bridge, addresses, rules, name server; idempotent; makes again what a reboot took."""

    def remove_network(self, name: str) -> None:
        """Take all of it away; idempotent."""

    def networks(self) -> tuple[NetworkState, ...]:
        """All recorded networks, by name."""

    def connect(
        self, container_id: str, hostname: str, endpoints: tuple[EndpointSpec, ...], ports: tuple[PortSpec, ...]
    ) -> Endpoint:
        """Namespace, a veth pair and address on each network, names published, ports forwarded. Idempotent: also repairs after a reboot. Raises PortInUse."""

    def isolate(self, container_id: str) -> Endpoint:
        """A namespace with only a loopback interface (network_mode none)."""

    def disconnect(self, container_id: str) -> None:
        """Take the endpoint away; idempotent."""

    def withdraw(self, container_id: str) -> None:
        """Let go of the names and host ports of a container that ended, as long as it does not run; idempotent."""

    def restore(
        self, container_id: str, names: dict[str, tuple[str, ...]], ports: tuple[PortSpec, ...]
    ) -> tuple[PortSpec, ...]:
        """Give back what `withdraw` took: names (aliases by network) and host ports; those as bound. Idempotent. Raises PortInUse."""

    def set_names(self, container_id: str, names: dict[str, tuple[str, ...]]) -> None:
        """Replace the names (aliases by network) under which a container is found."""

    def repair(self, living: frozenset[str]) -> tuple[str, ...]:
        """Remove endpoints, leases, rules and interfaces of containers that are not in `living`; what was done, in words."""
