"""Asks servers whether they serve, often and with little work: what the floor's hand-made loop waits with."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Callable

import msgspec

from bench.netns import inside
from bench.programs import MeasureError

PAUSE_S = 0.002
DEADLINE_S = 60.0
ATTEMPT_S = 5.0


class Target(msgspec.Struct, frozen=True):
    """An HTTP address to ask."""

    port: int
    path: str
    network: str | None = None
    address: str = "127.0.0.1"


def status(target: Target, *, timeout_s: float = ATTEMPT_S) -> int:
    """The status of one GET; 0 when nobody answers."""
    try:
        with _connect(target, timeout_s) as connection:
            connection.sendall(f"GET {target.path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            head = connection.recv(64).split()
    except OSError:  # refused, reset or too late: not serving
        return 0
    return int(head[1]) if len(head) > 1 and head[1].isdigit() else 0


def _connect(target: Target, timeout_s: float) -> socket.socket:
    with inside(target.network) if target.network else contextlib.nullcontext():
        return socket.create_connection((target.address, target.port), timeout=timeout_s)


def serves(target: Target) -> bool:
    """Whether a GET gives 200."""
    return status(target) == 200


def postgres_answers(port: int, user: str) -> bool:
    """Whether PostgreSQL lets clients log in: it answers a startup message with a request to authenticate
    (frontend/backend protocol 3.0, "Message Formats"), not with "the database system is starting up".
    """
    words = f"user\0{user}\0database\0{user}\0\0".encode()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=ATTEMPT_S) as connection:
            connection.sendall(struct.pack("!ii", 8 + len(words), 0x0003_0000) + words)
            return connection.recv(1) == b"R"
    except OSError:  # refused or reset: not there yet
        return False


def until(what: Callable[[], bool], of: str) -> None:
    """Wait for `what`, asking every 2 ms. `MeasureError` names `of` after a minute."""
    deadline = time.perf_counter() + DEADLINE_S
    while not what():
        if time.perf_counter() > deadline:
            raise MeasureError(f"{of}: not within {DEADLINE_S:.0f} s")
        time.sleep(PAUSE_S)
