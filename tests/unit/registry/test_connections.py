"""Connections that are kept for the next request."""

import http.client
import socket
from collections.abc import Iterator

import pytest

from cais.registry.connections import Connections, Origin
from cais.registry.settings import RegistrySettings


@pytest.fixture
def origin() -> Iterator[Origin]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Origin("http", f"127.0.0.1:{server.getsockname()[1]}")


def taken(connections: Connections, origin: Origin) -> tuple[http.client.HTTPConnection, bool]:
    return connections.take(origin, trusts_anybody=False, fresh=False)


def test_one_that_was_given_back_is_used_again(origin: Origin) -> None:
    connections = Connections(RegistrySettings())
    first, used_before = taken(connections, origin)
    connections.give_back(origin, first, reusable=True)
    assert (taken(connections, origin), used_before) == ((first, True), False)


def test_one_taken_while_all_is_given_up_is_closed(origin: Origin) -> None:
    """`abort` may come between the moment a connection is no longer idle and the one it belongs to somebody."""
    connections = Connections(RegistrySettings())
    opened, _ = taken(connections, origin)
    opened.connect()
    connections.give_back(origin, opened, reusable=True)
    idle = connections._idle.pop(origin)
    connections.abort()
    connections._idle[origin] = idle
    with pytest.raises(ConnectionAbortedError):
        taken(connections, origin)
    assert opened.sock is None


def test_after_giving_up_nothing_is_kept(origin: Origin) -> None:
    connections = Connections(RegistrySettings())
    opened, _ = taken(connections, origin)
    opened.connect()
    connections.abort()
    connections.give_back(origin, opened, reusable=True)
    assert opened.sock is None
