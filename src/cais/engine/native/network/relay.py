"""Published ports on the host's IPv6 side: accepted here and passed on to the container's IPv4 address, which no kernel does by rules.

`http://localhost:8080` asks `::1` first. Docker has a proxy process for every port; here one thread of the supervisor serves all of a
project. Ports on IPv4 do not come by here: the kernel forwards those.
"""

from __future__ import annotations

import abc
import contextlib
import errno
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterable

import msgspec

from cais.engine.protocol import Transport
from cais.errors import HostError

EVERY_ADDRESS = "::"
CHUNK_BYTES = 1 << 16
BACKLOG = 128
DATAGRAM_IDLE_S = 60.0
MAX_DATAGRAM_CLIENTS = 1024
LET_GO_S = 1.0  # far longer than the thread takes to come to it
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
_READ, _WRITE = select.EPOLLIN, select.EPOLLOUT


class Way(msgspec.Struct, frozen=True):
    """From a port of the host at an IPv6 address ("::" for all) to one of a container at an IPv4 address."""

    address: str
    port: int
    protocol: Transport
    target: str
    target_port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}/{self.protocol.value}"


Handler = Callable[[], None]


class Relays:
    """Serves ways in a thread that begins with the first. `update` may be called from any one thread."""

    def __init__(self) -> None:
        self._served: dict[Way, _Door] = {}
        self._loop: _Loop | None = None

    def update(self, wanted: Iterable[Way]) -> None:
        """Serve exactly `wanted`; what is served already goes on undisturbed. Raises HostError that names the ways that are taken."""
        ways = frozenset(wanted)
        for way in [way for way in self._served if way not in ways]:
            self._served.pop(way).close()
        taken = []
        for way in sorted(ways - self._served.keys(), key=str):
            if self._loop is None:
                self._loop = _Loop()
            try:
                self._served[way] = _open(way, self._loop)
            except OSError as error:
                # A machine without IPv6 has no such side to be reached from.
                if error.errno not in _NO_IPV6:
                    taken.append(f"{way}: {error.strerror}")
        if taken:
            raise HostError("cannot publish on IPv6", details=taken)

    def close(self) -> None:
        """Serve nothing any more."""
        self.update(())


class _Loop:
    """An epoll instance and the thread that waits on it. Handlers are called in that thread only."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._handlers: dict[int, Handler] = {}
        self._tasks: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._waker = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poll.register(self._waker, _READ)
        threading.Thread(target=self._run, name="relay", daemon=True).start()

    def call(self, task: Callable[[], None]) -> None:
        """Have `task` done in the thread."""
        with self._lock:
            self._tasks.append(task)
        os.eventfd_write(self._waker, 1)

    def watch(self, fd: int, events: int, handler: Handler) -> None:
        """Call `handler` when something is there. In the thread only."""
        if fd in self._handlers:
            self._poll.modify(fd, events)
        else:
            self._poll.register(fd, events)
        self._handlers[fd] = handler

    def forget(self, fd: int) -> None:
        """Watch no more; fine when it was not. In the thread only."""
        if self._handlers.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def _run(self) -> None:
        while True:
            for fd, _ in self._poll.poll():
                if fd == self._waker:
                    self._do_tasks()
                elif (handler := self._handlers.get(fd)) is not None:
                    handler()

    def _do_tasks(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._waker)
        with self._lock:
            tasks, self._tasks = self._tasks, []
        for task in tasks:
            task()


class _Door(abc.ABC):
    """Where one way begins."""

    def __init__(self, way: Way, listener: socket.socket, loop: _Loop) -> None:
        self.way = way
        self.listener = listener
        self.loop = loop

    def begin(self) -> None:
        """In the thread: listen."""
        self.loop.watch(self.listener.fileno(), _READ, self.handle)

    def close(self) -> None:
        """Listen no more: when it returns, somebody else may. Connections under way go on to their end."""
        ended = threading.Event()

        def end() -> None:
            self.end()
            ended.set()

        self.loop.call(end)
        ended.wait(LET_GO_S)

    def end(self) -> None:
        """In the thread: let go."""
        self.loop.forget(self.listener.fileno())
        self.listener.close()

    @abc.abstractmethod
    def handle(self) -> None:
        """Somebody is at the door."""


def _open(way: Way, loop: _Loop) -> _Door:
    kind = socket.SOCK_STREAM if way.protocol is Transport.TCP else socket.SOCK_DGRAM
    listener = socket.socket(socket.AF_INET6, kind)
    try:
        listener.setblocking(False)  # noqa: FBT003 - the standard library's signature
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if way.protocol is Transport.TCP:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((way.address, way.port))
        if way.protocol is Transport.TCP:
            listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    door = (_Streams if way.protocol is Transport.TCP else _Datagrams)(way, listener, loop)
    loop.call(door.begin)
    return door


class _Streams(_Door):
    """TCP: each connection is joined with one to the container."""

    def handle(self) -> None:
        try:
            client, _ = self.listener.accept()
        except OSError:
            return  # it has given up
        client.setblocking(False)  # noqa: FBT003 - the standard library's signature
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        server.setblocking(False)  # noqa: FBT003 - the standard library's signature
        if server.connect_ex((self.way.target, self.way.target_port)) not in (0, errno.EINPROGRESS):
            client.close()
            server.close()
            return
        _Pair(client, server, self.loop)


class _Pair:
    """Two connected sockets; what one says the other hears, until both have said all."""

    def __init__(self, client: socket.socket, server: socket.socket, loop: _Loop) -> None:
        self._loop = loop
        self._flows = (_Flow(client, server), _Flow(server, client))
        self._sockets = (client, server)
        self._awaited: dict[socket.socket, int] = {}
        self._await(client, _READ)
        self._await(server, _WRITE)  # as soon as it is connected

    def _handle(self) -> None:
        try:
            for flow in self._flows:
                flow.move()
        except OSError:
            self._close()
            return
        if all(flow.is_over for flow in self._flows):
            self._close()
            return
        for one in self._sockets:
            self._await(one, self._wanted(one))

    def _await(self, one: socket.socket, events: int) -> None:
        if events == self._awaited.get(one):
            return
        self._awaited[one] = events
        if events:
            self._loop.watch(one.fileno(), events, self._handle)
        else:
            self._loop.forget(one.fileno())  # its end would be told again and again

    def _wanted(self, one: socket.socket) -> int:
        reads = any(flow.source is one and flow.wants_more for flow in self._flows)
        writes = any(flow.sink is one and flow.waiting for flow in self._flows)
        return (_READ if reads else 0) | (_WRITE if writes else 0)

    def _close(self) -> None:
        for one in self._sockets:
            self._loop.forget(one.fileno())
            one.close()


class _Flow:
    """One direction of a pair. `waiting` is what the sink has not taken yet."""

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self.source = source
        self.sink = sink
        self.waiting = b""
        self.is_over = False
        self._ended = False

    @property
    def wants_more(self) -> bool:
        """Whether to read: not before the sink has taken what there is."""
        return not self._ended and not self.waiting

    def move(self) -> None:
        """Pass on what can be passed on without waiting. Raises OSError when either side is gone."""
        with contextlib.suppress(BlockingIOError):
            if self.wants_more:
                chunk = self.source.recv(CHUNK_BYTES)
                self.waiting, self._ended = chunk, not chunk
            if self.waiting:
                self.waiting = self.waiting[self.sink.send(self.waiting) :]
        if self._ended and not self.waiting and not self.is_over:
            self.is_over = True
            with contextlib.suppress(OSError):  # it has closed already
                self.sink.shutdown(socket.SHUT_WR)


class _Datagrams(_Door):
    """UDP: each client has a socket to the container, as long as one of them says something now and then."""

    def __init__(self, way: Way, listener: socket.socket, loop: _Loop) -> None:
        super().__init__(way, listener, loop)
        self._clients: dict[tuple[object, ...], tuple[socket.socket, float]] = {}

    def handle(self) -> None:
        try:
            data, client = self.listener.recvfrom(CHUNK_BYTES)
            self._socket_for(client).send(data)
        except OSError:
            return  # nobody listens there; as with UDP in general nobody is told

    def end(self) -> None:
        for client in tuple(self._clients):
            self._drop(client)
        super().end()

    def _socket_for(self, client: tuple[object, ...]) -> socket.socket:
        now = time.monotonic()
        known = self._clients.get(client)
        if known is None:
            self._expire(now)
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            made.setblocking(False)  # noqa: FBT003 - the standard library's signature
            made.connect((self.way.target, self.way.target_port))
            self.loop.watch(made.fileno(), _READ, lambda: self._answer(client, made))
        else:
            made = known[0]
        self._clients[client] = (made, now)
        return made

    def _answer(self, client: tuple[object, ...], server: socket.socket) -> None:
        with contextlib.suppress(OSError):  # one of them is gone
            self.listener.sendto(server.recv(CHUNK_BYTES), client)

    def _expire(self, now: float) -> None:
        idle = [client for client, (_, at) in self._clients.items() if now - at > DATAGRAM_IDLE_S]
        if len(self._clients) - len(idle) >= MAX_DATAGRAM_CLIENTS:
            idle.append(min(self._clients, key=lambda client: self._clients[client][1]))
        for client in idle:
            self._drop(client)

    def _drop(self, client: tuple[object, ...]) -> None:
        made, _ = self._clients.pop(client)
        self.loop.forget(made.fileno())
        made.close()
