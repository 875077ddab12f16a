"""Containers without a runtime: endpoints in which Python servers and clients run."""

import contextlib
import hashlib
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from cais.database import Database
from cais.engine.native.netprotocol import Endpoint
from cais.engine.native.network import plan
from cais.engine.native.network.networking import NativeNetworking
from cais.engine.protocol import EndpointSpec, NetworkSpec, NetworkState, PortSpec
from cais.linux import netns
from cais.locations import Locations

Result = TypeVar("Result")


class Lab:
    """One Cais root with networks and endpoints, all removed by `close`."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.locations = Locations(root=root, run=os.path.join(root, "run"))
        self.networking = self.another()
        self.servers: list[socket.socket] = []
        self.interfaces: set[str] = set()

    def another(self) -> NativeNetworking:
        """A second command on the same root."""
        return NativeNetworking(self.locations, Database(self.locations.database))

    def network(self, name: str, *, internal: bool = False, subnet: str = "") -> NetworkState:
        self.interfaces.add(plan.bridge_name(self.root, name))
        return self.networking.ensure_network(NetworkSpec(name=name, project="lab", internal=internal, subnet=subnet))

    def connect(self, name: str, *networks: str, ports: tuple[PortSpec, ...] = ()) -> Endpoint:
        endpoints = tuple(EndpointSpec(network=network, aliases=(name,)) for network in networks)
        self.interfaces.update(self.interface(name, network) for network in networks)
        return self.networking.connect(container_id(name), name, endpoints, ports)

    def interface(self, name: str, network: str) -> str:
        return plan.interface_name(self.root, container_id(name), network)

    def links(self) -> set[str]:
        """This root's interfaces that are there: others may be testing on this machine too."""
        return self.interfaces & set(os.listdir("/sys/class/net"))

    def close(self) -> None:
        for server in self.servers:
            with contextlib.suppress(OSError):  # not connected; it wakes the thread that waits on it all the same
                server.shutdown(socket.SHUT_RDWR)
            server.close()
        for container in self.networking._rows.endpoints():
            self.networking.disconnect(container)
        for state in self.networking.networks():
            self.networking.remove_network(state.spec.name)

    def serve(
        self,
        namespace: str | None,
        port: int,
        text: str,
        kind: socket.SocketKind = socket.SOCK_STREAM,
        family: socket.AddressFamily = socket.AF_INET,
    ) -> None:
        """Answer every connection or datagram at `port` of the namespace (None: the host's) with `text` and who asked."""
        server = within(namespace, lambda: socket.socket(family, kind))
        self.servers.append(server)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
        if kind is socket.SOCK_STREAM:
            server.listen(64)
        target = _answer_streams if kind is socket.SOCK_STREAM else _answer_datagrams
        threading.Thread(target=target, args=(server, text), daemon=True).start()


def container_id(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def within(namespace: str | None, work: Callable[[], Result]) -> Result:
    return work() if namespace is None else netns.inside(namespace, work)


def _answer_streams(server: socket.socket, text: str) -> None:
    with contextlib.suppress(OSError):  # closed by the test
        while True:
            connection, client = server.accept()
            with connection:
                connection.sendall(f"{text} {client[0]}".encode())


def _answer_datagrams(server: socket.socket, text: str) -> None:
    with contextlib.suppress(OSError):  # closed by the test
        while True:
            _, client = server.recvfrom(100)
            if client is None:  # shut down by the test
                return
            server.sendto(f"{text} {client[0]}".encode(), client)


def ask(
    namespace: str | None, address: str, port: int, kind: socket.SocketKind = socket.SOCK_STREAM, timeout_s: float = 2.0
) -> str:
    """The word a server answers with, "" when it cannot be reached."""

    return converse(namespace, address, port, kind, timeout_s).partition(" ")[0]


def converse(
    namespace: str | None, address: str, port: int, kind: socket.SocketKind = socket.SOCK_STREAM, timeout_s: float = 2.0
) -> str:
    """All that a server answers, and so also as whom it sees the asker."""

    def work() -> str:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind) as client:
            client.settimeout(timeout_s)
            try:
                client.connect((address, port))
                if kind is socket.SOCK_DGRAM:
                    client.send(b"?")
                return client.recv(100).decode()
            except OSError:
                return ""

    return within(namespace, work)


def query_bytes(name: str, kind: int = 1) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", 0x1234, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, 1)


def resolve(namespace: str, name: str, *, tcp: bool = False, timeout_s: float = 2.0) -> tuple[int, tuple[str, ...]]:
    """(response code, addresses) of a name, as asked at 127.0.0.11 in the namespace."""
    query = query_bytes(name)

    def work() -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as client:
            client.settimeout(timeout_s)
            client.connect(("127.0.0.11", 53))
            client.sendall(struct.pack(">H", len(query)) + query if tcp else query)
            return client.recv(4096)[2 if tcp else 0 :]

    response = within(namespace, work)
    answers = struct.unpack_from(">H", response, 6)[0]
    records = [response[len(query) + 16 * n : len(query) + 16 * (n + 1)] for n in range(answers)]
    return response[3] & 15, tuple(socket.inet_ntoa(record[12:]) for record in records)


def soon(condition: Callable[[], bool], timeout_s: float = 5.0) -> bool:
    """Whether it becomes true: the kernel takes interfaces away some time after their namespace."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return condition()


@contextlib.contextmanager
def program(source: str, namespace: str | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A Python program that has printed a line when this yields."""
    process = within(
        namespace, lambda: subprocess.Popen([sys.executable, "-I", "-S", "-c", source], stdout=subprocess.PIPE)
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
