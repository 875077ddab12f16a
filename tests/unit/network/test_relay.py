"""Connections and datagrams from IPv6 to IPv4, on the loopback."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from cais.engine.native.network.relay import Relays, Way
from cais.engine.protocol import Transport
from cais.errors import HostError

TIMEOUT_S = 60  # a loaded machine may take long; nothing is waited for that comes


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


# The relay listens on the host's IPv6 side, which a kernel or a container without IPv6 does not have.
pytestmark = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@pytest.fixture
def relays() -> Iterator[Relays]:
    made = Relays()
    yield made
    made.close()


@pytest.fixture
def port() -> int:
    """A port that is free on IPv6."""
    with socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def served(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server on 127.0.0.1 that has `talk` with each client; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            with contextlib.suppress(OSError):  # closed at the end
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=_converse, args=(talk, connection), daemon=True).start()

        threading.Thread(target=run, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def _converse(talk: Callable[[socket.socket], None], connection: socket.socket) -> None:
    with connection:
        talk(connection)


def way(port: int, target: int, protocol: Transport = Transport.TCP) -> Way:
    return Way("::1", port, protocol, "127.0.0.1", target)


def read_all(connection: socket.socket) -> bytes:
    chunks = []
    while chunk := connection.recv(1 << 16):
        chunks.append(chunk)
    return b"".join(chunks)


def echo_when_told_all(connection: socket.socket) -> None:
    """Answers only when the other side has said that there is no more."""
    connection.sendall(read_all(connection))


def ask(port: int, data: bytes) -> bytes:
    with socket.create_connection(("::1", port), timeout=TIMEOUT_S) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        return read_all(client)


def test_both_directions_and_their_ends(relays: Relays, port: int) -> None:
    with served(echo_when_told_all) as target:
        relays.update([way(port, target)])
        assert ask(port, b"hello") == b"hello"
        assert ask(port, b"") == b""


def test_a_port_that_is_not_relayed_any_more_is_free_at_once(relays: Relays, port: int) -> None:
    for _ in range(100):
        relays.update([way(port, 1)])
        relays.update([])
        with socket.socket(socket.AF_INET6) as another:
            another.bind(("::1", port))


def test_more_than_fits_into_a_socket(relays: Relays, port: int) -> None:
    """The slow side is waited for: nothing is lost, and nothing piles up."""
    data = bytes(range(256)) * 50_000  # 12 MB
    with served(echo_when_told_all) as target:
        relays.update([way(port, target)])
        with socket.create_connection(("::1", port), timeout=TIMEOUT_S) as client:

            def write() -> None:
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)

            writer = threading.Thread(target=write)
            writer.start()
            got = read_all(client)
            writer.join()
    assert hashlib.sha256(got).digest() == hashlib.sha256(data).digest()


def test_many_at_once(relays: Relays, port: int) -> None:
    with served(echo_when_told_all) as target:
        relays.update([way(port, target)])
        clients = [socket.create_connection(("::1", port), timeout=TIMEOUT_S) for _ in range(50)]
        for number, client in enumerate(clients):
            client.sendall(str(number).encode())
            client.shutdown(socket.SHUT_WR)
        assert [read_all(client) for client in clients] == [str(number).encode() for number in range(50)]
        for client in clients:
            client.close()


def test_nobody_listens_there(relays: Relays, port: int) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        relays.update([way(port, free.getsockname()[1])])
        connection = socket.create_connection(("::1", port), timeout=TIMEOUT_S)
        with connection as client, contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""


def test_what_is_served_already_goes_on(relays: Relays, port: int) -> None:
    with served(echo_when_told_all) as target, socket.socket(socket.AF_INET6) as free:
        free.bind(("::1", 0))
        other = free.getsockname()[1]
        free.close()
        relays.update([way(port, target)])
        with socket.create_connection(("::1", port), timeout=TIMEOUT_S) as client:
            relays.update([way(port, target), way(other, target)])
            assert ask(other, b"x") == b"x"
            relays.update([])
            # No new ones, but this one comes to its end.
            client.sendall(b"last")
            client.shutdown(socket.SHUT_WR)
            assert read_all(client) == b"last"
        relays.update([way(other, target)])
        assert ask(other, b"y") == b"y"
    with pytest.raises(OSError):  # noqa: PT011 - refused, or not there
        socket.create_connection(("::1", port), timeout=1)


def test_a_taken_port_is_named_and_the_others_are_served(relays: Relays, port: int) -> None:
    with served(echo_when_told_all) as target, socket.socket(socket.AF_INET6) as other:
        other.bind(("::1", 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(HostError) as caught:
            relays.update([way(taken, target), way(port, target)])
        assert caught.value.details == (f"[::1]:{taken}/tcp: Address already in use",)
        assert ask(port, b"x") == b"x"


def test_datagrams(relays: Relays, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(TIMEOUT_S)
        relays.update([way(port, server.getsockname()[1], Transport.UDP)])
        clients = [socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) for _ in range(3)]
        for number, client in enumerate(clients):
            client.settimeout(TIMEOUT_S)
            for _ in range(2):
                client.sendto(str(number).encode(), ("::1", port))
                data, sender = server.recvfrom(100)
                server.sendto(b"re " + data, sender)
                assert client.recv(100) == f"re {number}".encode()
        for client in clients:
            client.close()
