"""Networks and endpoints of the native engine. Every step's order is: row, thing; and backwards: thing, row. So what a crash leaves has a row."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sqlite3
from collections.abc import Iterable, Iterator, Sequence

from cais import durable
from cais.database import Database
from cais.engine.native.netprotocol import Endpoint
from cais.engine.native.network import addressing, hostports, openings, plan
from cais.engine.native.network.firewall import Firewall, Packets
from cais.engine.native.network.kernel import Attachment, Kernel, LinuxKernel
from cais.engine.native.network.names import Names, NameServer, Place, container_file
from cais.engine.native.network.plan import Lease
from cais.engine.native.network.relay import EVERY_ADDRESS, Way
from cais.engine.native.network.rows import Rows, bridge_of, entrance, forwards
from cais.engine.native.network.rules import Forward
from cais.engine.protocol import EndpointSpec, NetworkSpec, NetworkState, PortSpec
from cais.errors import Conflict, HostError, NotFoundError, PermissionNeeded, PortInUse, UsageError
from cais.linux.addresses import Subnet, mac_for
from cais.linux.addresses6 import Subnet6
from cais.linux.nft import Nftables
from cais.linux.processes import is_alive
from cais.locations import Locations

HOST_LOCK = "/run/cais-subnets.lock"
"""Held while a subnet is chosen: two roots on one machine must not choose the same."""

SHORT_ID = 12
FREE_PORT_ATTEMPTS = 50
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class NativeNetworking:
    """The `Networking` protocol with bridges, veth pairs, one nftables table (and one more for each network with IPv6) and one name server
    a root. Needs root.

    All methods may be called from several threads and processes at once.
    """

    def __init__(
        self,
        locations: Locations,
        database: Database,
        *,
        kernel: Kernel | None = None,
        packets: Packets | None = None,
        name_server: Names | None = None,
        subnet_lock: str = HOST_LOCK,
    ) -> None:
        self._root = locations.root
        self._folder = os.path.join(locations.run, "network")
        self._namespaces = os.path.join(self._folder, "netns")
        self._subnet_lock = subnet_lock
        self._rows = Rows(database)
        self._packets = packets or Nftables()
        self._kernel = kernel or LinuxKernel(self._packets)
        self._names: Names = name_server or NameServer(self._folder)
        self._held = hostports.HeldPorts(os.path.join(self._folder, "held"))
        lock = os.path.join(self._folder, "firewall.lock")
        self._firewall = Firewall(plan.root_key(self._root), lock, self._packets, self._whole)

    # --- networks ---

    def ensure_network(self, spec: NetworkSpec) -> NetworkState:
        """See Networking. Raises Conflict when the subnet is not free, or the network is there and otherwise."""
        os.makedirs(self._namespaces, exist_ok=True)
        state = self._rows.network(spec.name) or self._new_network(spec)
        addressing.check_same(state, spec)
        bridge = bridge_of(state)
        if self._kernel.ensure_bridge(bridge):
            members = [lease.interface for lease in self._rows.leases_of_network(spec.name)]
            self._kernel.rejoin(bridge, members)
        self._firewall.add_bridge(bridge)
        if not spec.internal:
            openings.open_forwarding(self._packets, state.bridge, with_ipv6=bool(state.subnet6))
        self.ensure_name_server()
        return state

    def remove_network(self, name: str) -> None:
        """See Networking. Raises Conflict while endpoints are on it."""
        state = self._rows.network(name)
        if state is None:
            return
        if users := self._rows.leases_of_network(name):
            who = ", ".join(sorted(_called(lease) for lease in users))
            raise Conflict(f'network "{name}" is in use by {who}', hint="remove these containers first")
        last = len(self._rows.networks()) == 1
        self._firewall.remove_bridge(bridge_of(state), last=last)
        openings.close_forwarding(self._packets, state.bridge, with_ipv6=bool(state.subnet6))
        self._kernel.remove_bridge(state.bridge)
        with self._rows.database.transaction() as writer:
            self._rows.remove_network(writer, name)
        if last:
            self._names.end()

    def networks(self) -> tuple[NetworkState, ...]:
        """See Networking."""
        return self._rows.networks()

    # --- endpoints ---

    def connect(
        self,
        container_id: str,
        hostname: str,
        endpoints: tuple[EndpointSpec, ...],
        ports: tuple[PortSpec, ...],
    ) -> Endpoint:
        """See Networking. Published ports are reachable on the host's IPv4 addresses, 127.0.0.1 included; on an internal network only from the host itself.

        Raises NotFoundError for a network that is not there, PortInUse, Conflict, UsageError and HostError; then nothing is left of a new endpoint.
        """
        asked = self._bound_ports(endpoints, ports)
        for endpoint in endpoints:
            _check_names((*endpoint.aliases, *(name for link in endpoint.options.links for name in link)))
            _check_link_local(endpoint)
        recorded = self._rows.endpoint(container_id) is not None
        if recorded and not self._is_as_asked(container_id, endpoints, asked):
            self.disconnect(container_id)
            recorded = False
        if recorded:
            self._update_names(container_id, {endpoint.network: endpoint.aliases for endpoint in endpoints})
            return self._make(container_id)
        try:
            self._reserve(container_id, hostname, endpoints, asked)
            return self._make(container_id)
        except BaseException:
            self.disconnect(container_id)
            raise

    def isolate(self, container_id: str) -> Endpoint:
        """See Networking."""
        return self.connect(container_id, "", (), ())

    def disconnect(self, container_id: str) -> None:
        """See Networking. The interfaces vanish some 50 ms later (the kernel ends namespaces in batches)."""
        leases = self._rows.leases(container_id)
        self._firewall.unpublish(self._forwards(container_id, self._rows.ports(container_id)))
        self._names.forget(container_id)
        self._kernel.remove_endpoint(self._namespace(container_id), [lease.interface for lease in leases])
        self._rows.remove_endpoint(container_id)

    def withdraw(self, container_id: str) -> None:
        """See Networking."""
        published = self._rows.ports(container_id)
        if published:
            self._firewall.unpublish(self._forwards(container_id, published))
            self._rows.remove_ports(container_id)
        self.set_names(container_id, {})

    def restore(
        self, container_id: str, names: dict[str, tuple[str, ...]], ports: tuple[PortSpec, ...]
    ) -> tuple[PortSpec, ...]:
        """See Networking."""
        asked = self._bound_ports(self._rows.leases(container_id), ports)
        if self._rows.asked_ports(container_id) != frozenset(asked):
            for port in asked:
                self._check_free(port)
            with self._rows.database.transaction() as writer:
                for port in asked:
                    self._reserve_port(writer, container_id, port)
        published = self._rows.ports(container_id)
        self._firewall.publish(self._forwards(container_id, published))
        self.set_names(container_id, names)
        return published

    def set_names(self, container_id: str, names: dict[str, tuple[str, ...]]) -> None:
        """See Networking. A network that is not named loses the container's names."""
        for aliases in names.values():
            _check_names(aliases)
        if self._rows.endpoint(container_id) is None:
            return
        self._update_names(container_id, names)
        self._publish_names(container_id, ())

    def repair(self, living: frozenset[str]) -> tuple[str, ...]:
        """See Networking. An endpoint that another living process made is left to that process: the container may be younger than `living`."""
        # What is there is listed before the rows are read: a row is older than its thing, so a thing without a row is nobody's.
        namespaces, files = self._kernel.namespaces(self._namespaces), self._names.known()
        done = []
        creators = self._rows.creators()
        for container_id, pid, started in creators:
            if container_id not in living and (pid == os.getpid() or not is_alive(pid, started)):
                self.disconnect(container_id)
                done.append(f'removed the endpoint of container "{container_id[:SHORT_ID]}", which is gone')
        recorded = frozenset(container_id for container_id, _, _ in creators)
        for path in namespaces:
            if os.path.basename(path) not in recorded:
                self._kernel.remove_endpoint(path)
                done.append(f'removed network namespace "{path}", which belongs to no container')
        for container_id in files - recorded:
            self._names.forget(container_id)
            done.append(f'removed the names of container "{container_id[:SHORT_ID]}", which is gone')
        for state in self._rows.networks():
            if self._kernel.has_link(state.bridge):
                self._firewall.add_bridge(bridge_of(state))  # a no-op, unless somebody flushed the machine's rules
        if self.ensure_name_server():
            done.append("started the name server again")
        return tuple(done)

    # --- for the supervisor ---

    def ensure_name_server(self) -> bool:
        """Start the name server again if it died; whether it had. A fraction of a millisecond when it lives."""
        return self._names.ensure()

    def ways(self, published: Iterable[tuple[str, tuple[PortSpec, ...]]]) -> tuple[Way, ...]:
        """Where the published ports of these containers are reached by IPv6: on all addresses where they name none, or at the one they name."""
        internal = self._internal()
        found = []
        for container_id, ports in published:
            way_in = entrance(self._rows.leases(container_id), internal)
            if way_in is None:
                continue
            for port in ports:
                if not port.host_ip or hostports.is_ipv6(port):
                    address = port.host_ip or EVERY_ADDRESS
                    found.append(Way(address, port.host_port, port.protocol, way_in.address, port.container_port))
        return tuple(found)

    def hold(self, project: str, held: Iterable[PortSpec]) -> list[socket.socket]:
        """Sockets that keep the ports from other programs while they are open (bound, not listening). Replaces the project's earlier record."""
        return self._held.hold(project, held)

    # --- parts ---

    def _new_network(self, spec: NetworkSpec) -> NetworkState:
        _check_names((spec.name,))
        with self._host_lock():
            if found := self._rows.network(spec.name):
                return found  # somebody else was quicker
            sides = self._sides(spec)
            bridge = spec.options.bridge or plan.bridge_name(self._root, spec.name)
            if spec.options.bridge and self._kernel.has_link(bridge):
                raise Conflict(
                    f'network "{spec.name}" cannot have the bridge "{bridge}": an interface of that name is there',
                    hint="choose another com.docker.network.bridge.name, or leave it out",
                )
            state = NetworkState(
                spec=spec,
                subnet=str(sides.subnet),
                gateway=sides.gateway,
                bridge=bridge,
                subnet6=str(sides.side6.subnet) if sides.side6 else "",
                gateway6=sides.side6.gateway if sides.side6 else "",
            )
            with self._rows.database.transaction() as writer:
                self._rows.add_network(writer, state)
            # While the lock is held: other roots see the subnet in the kernel.
            self._kernel.ensure_bridge(bridge_of(state))
            return state

    def _sides(self, spec: NetworkSpec) -> addressing.Sides:
        recorded = self._rows.networks()
        occupied = (*self._kernel.occupied(), *(Subnet.parse(state.subnet) for state in recorded))
        occupied6: tuple[Subnet6, ...] = ()
        if spec.options.ipv6 is not None:
            ours = (Subnet6.parse(state.subnet6) for state in recorded if state.subnet6)
            occupied6 = (*self._kernel.occupied6(), *ours)
        return addressing.sides(self._root, spec, occupied, occupied6)

    @contextlib.contextmanager
    def _host_lock(self) -> Iterator[None]:
        try:
            fd = os.open(self._subnet_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except PermissionError as error:
            raise PermissionNeeded("networks need root", hint="run with sudo") from error
        os.close(fd)
        with durable.locked(self._subnet_lock):
            yield

    def _bound_ports(
        self, places: Sequence[EndpointSpec] | Sequence[Lease], ports: tuple[PortSpec, ...]
    ) -> tuple[PortSpec, ...]:
        """`ports`, those that name no address of the host at the one that the network they come in by gives."""
        if not ports:
            return ()
        way_in = entrance(places, self._internal())
        state = self._rows.network(way_in.network) if way_in is not None else None
        binding = state.spec.options.host_binding if state is not None else ""
        return tuple(dict.fromkeys(hostports.normalised(port, binding) for port in ports))

    def _is_as_asked(self, container_id: str, endpoints: tuple[EndpointSpec, ...], asked: tuple[PortSpec, ...]) -> bool:
        leases = self._rows.leases(container_id)
        return (
            len(leases) == len(endpoints)
            and all(_fits(lease, endpoint) for lease, endpoint in zip(leases, endpoints, strict=True))
            and self._rows.asked_ports(container_id) == frozenset(asked)
        )

    def _reserve(
        self, container_id: str, hostname: str, endpoints: tuple[EndpointSpec, ...], asked: tuple[PortSpec, ...]
    ) -> None:
        """Write the endpoint's rows: from here on its addresses and ports are its own."""
        for port in asked:
            self._check_free(port)
        with self._rows.database.transaction() as writer:
            self._rows.add_endpoint(writer, container_id, hostname)
            inside: list[str] = []
            for position, endpoint in enumerate(endpoints):
                lease = self._new_lease(container_id, position, endpoint, inside)
                self._rows.add_lease(writer, lease)
                inside.append(lease.inside)
            for port in asked:
                self._reserve_port(writer, container_id, port)

    def _check_free(self, port: PortSpec) -> None:
        if port.host_port == 0 or hostports.is_free(port) or self._held.holds(port):
            return
        where = f"{port.host_ip}:{port.host_port}" if port.host_ip else str(port.host_port)
        raise PortInUse(
            f"port {where}/{port.protocol.value} is already in use by {hostports.holder(port)}",
            port=port.host_port,
            hint="stop that program, or publish another port",
        )

    def _new_lease(self, container_id: str, position: int, endpoint: EndpointSpec, inside: list[str]) -> Lease:
        state = self._network(endpoint.network)
        members = self._rows.leases_of_network(endpoint.network)
        address = addressing.address(state, endpoint.ipv4_address, members)
        prefix = state.spec.options.interface_prefix
        return Lease(
            container_id=container_id,
            network=endpoint.network,
            position=position,
            address=address,
            mac=endpoint.mac_address.lower() or mac_for(address),
            interface=plan.interface_name(self._root, container_id, endpoint.network),
            inside=plan.interface_inside(endpoint.options.interface, prefix, position, inside),
            address6=addressing.address6(state, endpoint.options, address, members),
            aliases=endpoint.aliases,
            options=endpoint.options,
        )

    def _reserve_port(self, writer: sqlite3.Connection, container_id: str, port: PortSpec) -> None:
        if port.host_port == 0:
            self._rows.add_port(writer, container_id, self._free_port(port), chosen=True)
            return
        if owner := self._publisher(port):
            raise PortInUse(
                f"port {port.host_port}/{port.protocol.value} is already published by container {self._called(owner)}",
                port=port.host_port,
                hint="stop that container, or publish another port",
            )
        self._rows.add_port(writer, container_id, port, chosen=False)

    def _free_port(self, port: PortSpec) -> PortSpec:
        import msgspec.structs

        for _ in range(FREE_PORT_ATTEMPTS):
            with hostports.bind(port) or socket.socket() as probe:
                candidate = msgspec.structs.replace(port, host_port=probe.getsockname()[1])
            if candidate.host_port and not self._publisher(candidate):
                return candidate
        raise HostError("no host port is free", hint="give the host port in the Compose file")

    def _publisher(self, port: PortSpec) -> str:
        """The container that publishes the port, "" for none."""
        publishers = self._rows.publishers(port.protocol, port.host_port)
        return next((owner for owner, host_ip in publishers if hostports.overlap(host_ip, port.host_ip)), "")

    def _make(self, container_id: str) -> Endpoint:
        """Make what the rows say, as far as it is not there."""
        leases = self._rows.leases(container_id)
        published = self._rows.ports(container_id)
        internal = self._internal()
        way_out = entrance(leases, internal)
        attachments = tuple(Attachment(lease, bridge_of(self._network(lease.network))) for lease in leases)
        namespace = self._namespace(container_id)
        sockets = self._kernel.ensure_endpoint(namespace, attachments, self._gateways(leases, internal))
        try:
            self._firewall.publish(forwards(container_id, published, way_out))
            if leases:
                self._publish_names(container_id, sockets)
        finally:
            for item in sockets:
                item.close()
        return Endpoint(
            namespace=namespace,
            addresses={lease.network: lease.address for lease in leases},
            ports=published,
            name_servers=(plan.RESOLVER,) if leases else (),
            addresses6={lease.network: lease.address6 for lease in leases if lease.address6},
        )

    def _forwards(self, container_id: str, published: tuple[PortSpec, ...]) -> tuple[Forward, ...]:
        """What the firewall is to forward to a container."""
        return forwards(container_id, published, entrance(self._rows.leases(container_id), self._internal()))

    def _gateways(self, leases: tuple[Lease, ...], internal: frozenset[str]) -> tuple[str, ...]:
        """The ways out of a container: at most one by IPv4 and one by IPv6."""
        outward = tuple(lease for lease in leases if lease.network not in internal)
        way, way6 = entrance(outward, internal), entrance(tuple(it for it in outward if it.address6), internal)
        found = self._network(way.network).gateway if way else "", self._network(way6.network).gateway6 if way6 else ""
        return tuple(filter(None, found))

    def _update_names(self, container_id: str, aliases: dict[str, tuple[str, ...]]) -> None:
        leases = self._rows.leases(container_id)
        changed = [lease for lease in leases if lease.aliases != aliases.get(lease.network, ())]
        if changed:
            with self._rows.database.transaction() as writer:
                for lease in changed:
                    self._rows.set_aliases(writer, lease, aliases.get(lease.network, ()))

    def _publish_names(self, container_id: str, sockets: tuple[socket.socket, ...]) -> None:
        leases = self._rows.leases(container_id)
        short = (container_id[:SHORT_ID],)
        places = [
            Place(it.network, address, it.aliases + short if it.aliases else ())
            for it in leases
            for address in (it.address, it.address6)
            if address
        ]
        forward = any(lease.network not in self._internal() for lease in leases)
        links = dict.fromkeys(link for lease in leases for link in lease.options.links)
        text = container_file(self._namespace(container_id), places, forward=forward, links=links)
        self._names.publish(container_id, text, sockets)

    def _network(self, name: str) -> NetworkState:
        state = self._rows.network(name)
        if state is None:
            raise NotFoundError(f'network "{name}" does not exist', hint="create it first, or remove `external: true`")
        return state

    def _internal(self) -> frozenset[str]:
        return frozenset(state.spec.name for state in self._rows.networks() if state.spec.internal)

    def _namespace(self, container_id: str) -> str:
        return os.path.join(self._namespaces, container_id)

    def _called(self, container_id: str) -> str:
        leases = self._rows.leases(container_id)
        return _called(leases[0]) if leases else f'"{container_id[:SHORT_ID]}"'

    def _whole(self) -> tuple[tuple[plan.Bridge, ...], tuple[Forward, ...]]:
        internal = self._internal()
        by_container: dict[str, list[PortSpec]] = {}
        for container_id, port in self._rows.all_ports():
            by_container.setdefault(container_id, []).append(port)
        whole = [
            forward
            for container_id, published in by_container.items()
            for forward in forwards(container_id, tuple(published), entrance(self._rows.leases(container_id), internal))
        ]
        return tuple(bridge_of(state) for state in self._rows.networks()), tuple(whole)


def _fits(lease: Lease, endpoint: EndpointSpec) -> bool:
    return (
        lease.network == endpoint.network
        and endpoint.ipv4_address in ("", lease.address)
        and endpoint.mac_address.lower() in ("", lease.mac)
        and endpoint.options == lease.options
    )


def _check_link_local(endpoint: EndpointSpec) -> None:
    for address in endpoint.options.link_local:
        if not address.startswith("169.254."):
            raise UsageError(f'"{address}" is not a link-local address', hint="use one of 169.254.0.0/16")


def _called(lease: Lease) -> str:
    name = lease.aliases[0] if lease.aliases else lease.container_id[:SHORT_ID]
    return f'"{name}"'


def _check_names(given: Iterable[str]) -> None:
    for name in given:
        if not _NAME.fullmatch(name):
            raise UsageError(f'"{name}" cannot be a name on a network', hint="use letters, digits, '-', '_' and '.'")
