"""Finding and reaching a host within a time, together."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

_MIN_ATTEMPT_S = 0.5


def connect_within(address: tuple[str, int], timeout_s: float) -> socket.socket:
    """Find and connect to a host within `timeout_s`. Raises what the socket module raises; TimeoutError for a silent resolver too."""
    deadline = time.monotonic() + timeout_s
    found = _resolve(address, timeout_s)
    failure: OSError = TimeoutError("timed out")
    for number, (family, kind, protocol, _, place) in enumerate(found):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        opened = socket.socket(family, kind, protocol)
        try:
            # No single address (IPv6 without a route, say) may use up the time of the others.
            opened.settimeout(max(_MIN_ATTEMPT_S, left / (len(found) - number)))
            opened.connect(place)
        except OSError as error:
            opened.close()
            failure = error
        else:
            return opened
    raise failure


_Found = list[tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]]


def _resolve(address: tuple[str, int], timeout_s: float) -> _Found:
    # getaddrinfo(3) cannot be given a time; a resolver that does not answer would hold it for half a minute.
    found: _Found = []
    failures: list[OSError] = []

    def look_up() -> None:
        try:
            found.extend(socket.getaddrinfo(*address, type=socket.SOCK_STREAM))
        except OSError as error:
            failures.append(error)

    thread = threading.Thread(target=look_up, daemon=True, name="resolver")
    thread.start()
    thread.join(timeout_s)
    if failures:
        raise failures[0]
    if thread.is_alive():
        raise TimeoutError(f"the name server does not answer for {address[0]}")
    return found
