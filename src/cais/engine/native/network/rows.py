"""The rows of networking: networks, endpoints, leases and published ports. Written before the thing is made, removed after it is gone."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from typing import Protocol, TypeVar

import msgspec

from cais import decoding
from cais.database import Database
from cais.engine.native.network.hostports import is_ipv6
from cais.engine.native.network.plan import Bridge, Lease, Side6
from cais.engine.native.network.rules import Forward
from cais.engine.netdetails import EndpointOptions
from cais.engine.protocol import NetworkSpec, NetworkState, PortSpec, Transport
from cais.linux.addresses import Subnet
from cais.linux.addresses6 import Subnet6
from cais.linux.processes import start_time

SCHEMA = (
    """
    CREATE TABLE networks (
        name TEXT PRIMARY KEY, spec BLOB NOT NULL, subnet TEXT NOT NULL, gateway TEXT NOT NULL, bridge TEXT NOT NULL UNIQUE
    ) WITHOUT ROWID;
    CREATE TABLE endpoints (container_id TEXT PRIMARY KEY, hostname TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE leases (
        network TEXT NOT NULL REFERENCES networks(name), address TEXT NOT NULL,
        container_id TEXT NOT NULL REFERENCES endpoints(container_id), position INTEGER NOT NULL,
        mac TEXT NOT NULL, interface TEXT NOT NULL UNIQUE, aliases BLOB NOT NULL,
        PRIMARY KEY (network, address)
    ) WITHOUT ROWID;
    CREATE INDEX leases_of_container ON leases(container_id);
    CREATE TABLE published_ports (
        protocol TEXT NOT NULL, host_port INTEGER NOT NULL, host_ip TEXT NOT NULL,
        container_id TEXT NOT NULL REFERENCES endpoints(container_id), container_port INTEGER NOT NULL, chosen INTEGER NOT NULL,
        PRIMARY KEY (protocol, host_port, host_ip)
    ) WITHOUT ROWID;
    CREATE INDEX ports_of_container ON published_ports(container_id)
    """,
    """
    ALTER TABLE endpoints ADD COLUMN creator_pid INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE endpoints ADD COLUMN creator_started INTEGER NOT NULL DEFAULT 0
    """,
    """
    ALTER TABLE leases ADD COLUMN inside TEXT NOT NULL DEFAULT '';
    ALTER TABLE leases ADD COLUMN options BLOB NOT NULL DEFAULT '{}'
    """,
    """
    ALTER TABLE networks ADD COLUMN subnet6 TEXT NOT NULL DEFAULT '';
    ALTER TABLE networks ADD COLUMN gateway6 TEXT NOT NULL DEFAULT '';
    ALTER TABLE leases ADD COLUMN address6 TEXT NOT NULL DEFAULT ''
    """,
)


_NETWORK = "spec, subnet, gateway, bridge, subnet6, gateway6"


class Rows:
    """Reads and writes of the rows. Methods that take a `writer` run inside a transaction of the caller."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def connection(self) -> sqlite3.Connection:
        """This thread's connection, with the tables there."""
        return self.database.with_schema("network", SCHEMA)

    # --- networks ---

    def network(self, name: str) -> NetworkState | None:
        """One network."""
        row = self.connection().execute(f"SELECT {_NETWORK} FROM networks WHERE name = ?", (name,))  # noqa: S608 - our names
        found = row.fetchone()
        return _state(found) if found else None

    def networks(self) -> tuple[NetworkState, ...]:
        """All networks by name."""
        rows = self.connection().execute(f"SELECT {_NETWORK} FROM networks ORDER BY name")  # noqa: S608 - our names
        return tuple(_state(row) for row in rows)

    def add_network(self, writer: sqlite3.Connection, state: NetworkState) -> None:
        """A new network."""
        spec = msgspec.json.encode(state.spec)
        row = (state.spec.name, spec, state.subnet, state.gateway, state.bridge, state.subnet6, state.gateway6)
        writer.execute(f"INSERT INTO networks (name, {_NETWORK}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608 - our names

    def remove_network(self, writer: sqlite3.Connection, name: str) -> None:
        """Forget a network that nobody is on."""
        writer.execute("DELETE FROM networks WHERE name = ?", (name,))

    # --- endpoints ---

    def endpoint(self, container_id: str) -> str | None:
        """The host name of a recorded endpoint, None when there is none."""
        row = self.connection().execute("SELECT hostname FROM endpoints WHERE container_id = ?", (container_id,))
        found = row.fetchone()
        return str(found[0]) if found else None

    def endpoints(self) -> tuple[str, ...]:
        """Container ids of all recorded endpoints."""
        return tuple(row[0] for row in self.connection().execute("SELECT container_id FROM endpoints"))

    def creators(self) -> tuple[tuple[str, int, int], ...]:
        """(container id, pid, start time) of all recorded endpoints: the process that made each."""
        rows = self.connection().execute("SELECT container_id, creator_pid, creator_started FROM endpoints")
        return tuple(rows.fetchall())

    def add_endpoint(self, writer: sqlite3.Connection, container_id: str, hostname: str) -> None:
        """A new endpoint, made by this process."""
        pid = os.getpid()
        writer.execute("INSERT INTO endpoints VALUES (?, ?, ?, ?)", (container_id, hostname, pid, start_time(pid)))

    def remove_endpoint(self, container_id: str) -> None:
        """Forget an endpoint with its leases and ports."""
        with self.database.transaction() as writer:
            for table in ("leases", "published_ports", "endpoints"):
                writer.execute(f"DELETE FROM {table} WHERE container_id = ?", (container_id,))  # noqa: S608 - our names

    # --- leases ---

    def leases(self, container_id: str) -> tuple[Lease, ...]:
        """A container's leases in the order of its networks."""
        return self._leases("WHERE container_id = ? ORDER BY position", container_id)

    def leases_of_network(self, network: str) -> tuple[Lease, ...]:
        """Everybody's leases on a network."""
        return self._leases("WHERE network = ?", network)

    def add_lease(self, writer: sqlite3.Connection, lease: Lease) -> None:
        """A new lease; the address must be free."""
        aliases, options = msgspec.json.encode(lease.aliases), msgspec.json.encode(lease.options)
        place = (lease.network, lease.address, lease.container_id, lease.position)
        row = (*place, lease.mac, lease.interface, aliases, lease.inside, options, lease.address6)
        writer.execute("INSERT INTO leases VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def set_aliases(self, writer: sqlite3.Connection, lease: Lease, aliases: tuple[str, ...]) -> None:
        """Other names for a lease."""
        row = (msgspec.json.encode(aliases), lease.network, lease.address)
        writer.execute("UPDATE leases SET aliases = ? WHERE network = ? AND address = ?", row)

    def _leases(self, condition: str, value: str) -> tuple[Lease, ...]:
        columns = "container_id, network, position, address, mac, interface, aliases, inside, options, address6"
        rows = self.connection().execute(f"SELECT {columns} FROM leases {condition}", (value,))  # noqa: S608 - our texts
        return tuple(
            Lease(
                container_id=row[0],
                network=row[1],
                position=row[2],
                address=row[3],
                mac=row[4],
                interface=row[5],
                aliases=decoding.decode(row[6], tuple[str, ...]),
                inside=row[7] or f"eth{row[2]}",  # one of an earlier version
                options=decoding.decode(row[8], EndpointOptions),
                address6=row[9],
            )
            for row in rows
        )

    # --- ports ---

    def ports(self, container_id: str) -> tuple[PortSpec, ...]:
        """A container's published ports as bound."""
        rows = self.connection().execute(
            "SELECT protocol, host_port, host_ip, container_port FROM published_ports WHERE container_id = ?"
            " ORDER BY container_port, protocol, host_port, host_ip",
            (container_id,),
        )
        return tuple(_port(row) for row in rows)

    def asked_ports(self, container_id: str) -> frozenset[PortSpec]:
        """A container's published ports as asked for: 0 where Cais chose."""
        rows = self.connection().execute(
            "SELECT protocol, CASE chosen WHEN 1 THEN 0 ELSE host_port END, host_ip, container_port FROM published_ports"
            " WHERE container_id = ?",
            (container_id,),
        )
        return frozenset(_port(row) for row in rows)

    def publishers(self, protocol: Transport, host_port: int) -> tuple[tuple[str, str], ...]:
        """(container id, host address) of who publishes that port on any address."""
        query = "SELECT container_id, host_ip FROM published_ports WHERE protocol = ? AND host_port = ?"
        return tuple(self.connection().execute(query, (protocol.value, host_port)).fetchall())

    def add_port(self, writer: sqlite3.Connection, container_id: str, port: PortSpec, *, chosen: bool) -> None:
        """A port that is now the container's; `chosen` by Cais."""
        row = (port.protocol.value, port.host_port, port.host_ip, container_id, port.container_port, int(chosen))
        writer.execute("INSERT INTO published_ports VALUES (?, ?, ?, ?, ?, ?)", row)

    def remove_ports(self, container_id: str) -> None:
        """Forget a container's published ports."""
        with self.database.transaction() as writer:
            writer.execute("DELETE FROM published_ports WHERE container_id = ?", (container_id,))

    def all_ports(self) -> tuple[tuple[str, PortSpec], ...]:
        """(container id, port) of everything published."""
        rows = self.connection().execute(
            "SELECT protocol, host_port, host_ip, container_port, container_id FROM published_ports ORDER BY host_port"
        )
        return tuple((row[4], _port(row)) for row in rows)


def bridge_of(state: NetworkState) -> Bridge:
    """A network as the host sees it."""
    options = state.spec.options
    return Bridge(
        name=state.bridge,
        subnet=Subnet.parse(state.subnet),
        gateway=state.gateway,
        internal=state.spec.internal,
        mtu=options.mtu,
        talks=options.talks,
        masquerades=options.masquerades,
        side6=Side6(Subnet6.parse(state.subnet6), state.gateway6) if state.subnet6 else None,
    )


class OnNetwork(Protocol):
    """A place on a network, asked for or had."""

    @property
    def network(self) -> str:
        """The network's name."""

    @property
    def options(self) -> EndpointOptions:
        """What was asked of the place."""


_Place = TypeVar("_Place", bound=OnNetwork)


def entrance(places: Sequence[_Place], internal: frozenset[str]) -> _Place | None:
    """The place published ports and the default route go by: of those on networks that are not internal (if there are any) the one with the
    highest gateway priority, else the first."""
    outward = [place for place in places if place.network not in internal] or places
    return max(outward, key=lambda place: place.options.gateway_priority, default=None)


def forwards(container_id: str, ports: tuple[PortSpec, ...], lease: Lease | None) -> tuple[Forward, ...]:
    """What the firewall is to forward to a container."""
    if lease is None:
        return ()
    return tuple(
        Forward(port=port, address=lease.address, container_id=container_id) for port in ports if not is_ipv6(port)
    )


def _state(row: tuple[bytes, str, str, str, str, str]) -> NetworkState:
    spec = decoding.decode(row[0], NetworkSpec)
    return NetworkState(spec=spec, subnet=row[1], gateway=row[2], bridge=row[3], subnet6=row[4], gateway6=row[5])


def _port(row: tuple[str, int, str, int]) -> PortSpec:
    return PortSpec(protocol=Transport(row[0]), host_port=row[1], host_ip=row[2], container_port=row[3])
