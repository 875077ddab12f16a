"""Keeps the name server of a Cais root running and tells it who is where.

What it must know lies in files, so that a successor finds it; an order only says which file to read again. That somebody is there is seen by sending: the
kernel refuses a datagram whose receiver died. So no process is ever looked for.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import msgspec

from cais import durable
from cais.engine.native.network import nameserver
from cais.errors import HostError

SEND_TIMEOUT_S = 10.0
_NOBODY = (errno.ECONNREFUSED, errno.ENOENT, errno.EPIPE, errno.ECONNRESET)


class Place(msgspec.Struct, frozen=True):
    """A container's address on a network and the names it has there."""

    network: str
    address: str
    names: tuple[str, ...]


def container_file(
    namespace: str, places: Sequence[Place], *, forward: bool, links: Iterable[tuple[str, str]] = ()
) -> str:
    """The file `nameserver.Container.parse` reads."""
    lines = [f"namespace {namespace}", f"forward {'yes' if forward else 'no'}"]
    # A word of its own for IPv6, which a server of an earlier version (it may still run) leaves alone.
    lines.extend(
        f"place{'6' if ':' in place.address else ''} {place.network} {place.address} {','.join(place.names)}".rstrip()
        for place in places
    )
    lines.extend(f"link {alias} {target}" for alias, target in links)
    return "\n".join(lines) + "\n"


class Names(Protocol):
    """What networking asks of whoever answers names."""

    def publish(self, container_id: str, text: str, sockets: Sequence[socket.socket] = ()) -> None:
        """Make a container's file known, and hand over the sockets at which it asks. Raises HostError."""

    def forget(self, container_id: str) -> None:
        """Take a container's names away; fine when it has none."""

    def known(self) -> frozenset[str]:
        """Ids of the containers that have a file."""

    def ensure(self) -> bool:
        """Start the server unless it runs or nobody needs it; whether it was started."""

    def end(self) -> None:
        """End the server, if there is one."""


class NameServer:
    """The name server of the root whose run folder is `folder`. Methods may be called from any thread or process."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._files = os.path.join(folder, "names")
        self._path = os.path.join(folder, "names.sock")
        self._lock = os.path.join(folder, "names.lock")
        self._log = os.path.join(folder, "names.log")

    def publish(self, container_id: str, text: str, sockets: Sequence[socket.socket] = ()) -> None:
        """See Names."""
        os.makedirs(self._files, exist_ok=True)
        durable.write(os.path.join(self._files, container_id), text.encode(), sync=False)
        self._send(container_id, sockets)

    def forget(self, container_id: str) -> None:
        """See Names."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self._files, container_id))
        self._try_send(container_id)

    def known(self) -> frozenset[str]:
        """See Names."""
        if not os.path.isdir(self._files):
            return frozenset()
        return frozenset(name for name in os.listdir(self._files) if not name.startswith("."))

    def ensure(self) -> bool:
        """See Names."""
        if not self.known() or self._try_send(""):
            return False
        return self._start()

    def end(self) -> None:
        """See Names. Nobody can reach it afterwards: the next order starts another."""
        if not os.path.exists(self._path):
            return
        with durable.locked(self._lock):
            self._try_send("end")
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)

    def _send(self, order: str, sockets: Sequence[socket.socket]) -> None:
        for _ in range(3):
            if self._try_send(order, sockets):
                return
            self._start()
        raise HostError("the name server does not stay up", hint=f"see {self._log}")

    def _try_send(self, order: str, sockets: Sequence[socket.socket] = ()) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(SEND_TIMEOUT_S)
            try:
                with _short(self._path) as path:
                    sender.connect(path)
                socket.send_fds(sender, [order.encode() or b" "], [item.fileno() for item in sockets])
            except TimeoutError as error:
                raise HostError("the name server does not answer", hint=f"see {self._log}") from error
            except OSError as error:
                if error.errno not in _NOBODY:
                    raise
                return False
        return True

    def _start(self) -> bool:
        """Start it with its socket already bound: orders wait in the socket until it reads them."""
        with durable.locked(self._lock):
            if self._try_send(""):
                return False  # somebody else was quicker
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as control:
                with _short(self._path) as path:
                    control.bind(path)
                self._spawn(control.fileno())
        return True

    def _spawn(self, fd: int) -> None:
        from cais import proc  # subprocess is dear, and only needed here

        program = nameserver.__file__
        # `setsid --fork` makes it nobody's child: it survives the caller, and a long-lived caller never has to collect it.
        command = proc.Command(
            argv=("setsid", "--fork", sys.executable, "-I", "-S", program, self._files, self._path, str(fd)),
            cwd="/",
            pass_fds=(fd,),
            install_hint="apt-get install util-linux",
        )
        with open(self._log, "ab") as log:
            process = proc.start(command, stdout=log.fileno(), stderr=log.fileno())
            if process.wait() != 0:
                raise HostError("cannot start the name server", hint=f"see {self._log}")


@contextlib.contextmanager
def _short(path: str) -> Iterator[str]:
    """A name for `path` that fits into a socket address (108 bytes), however deep its folder lies."""
    try:
        folder = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield path
        return
    try:
        yield f"/proc/self/fd/{folder}/{os.path.basename(path)}"
    finally:
        os.close(folder)
