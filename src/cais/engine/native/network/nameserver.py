"""The name server program: one process a Cais root answers at 127.0.0.11:53 inside every container of that root. `names` starts it and talks to it.

It is started by path, alone (`python -I -S`), so that it costs the memory of a bare interpreter: the standard library only, nothing of Cais.

    nameserver.py FOLDER CONTROL FD

FOLDER holds one file a container (see `Container.parse`), named by its id; FD is the datagram socket orders come by (bound at the path CONTROL): a
container's id means "look at its file again" and may bring the two sockets bound in its namespace; "end" means end. Names a container may see are those of its networks
(RFC 1035; TTL of one second, so that a client asks again after a container was replaced); anything else goes to the host's
resolvers, unless all its networks are internal.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable

# Not port 53: a container may run a name server of its own on all addresses. Its namespace redirects (rules.redirect_names). The number lies above
# the range from which the kernel takes ports for outgoing connections.
ADDRESS = ("127.0.0.11", 61053)
TTL_S = 1
UPSTREAM_TIMEOUT_S = 2.0
IDLE_TIMEOUT_S = 10.0
CHECK_INTERVAL_S = 10.0
MAX_PENDING = 512
MAX_STREAMS = 64
PLAIN_UDP_BYTES = 512
MAX_MESSAGE_BYTES = 65535
CLONE_NEWNET = 0x40000000

A, PTR, AAAA, OPT, IN, ANY = 1, 12, 28, 41, 1, 255
NO_ERROR, FORMAT_ERROR, SERVER_FAILURE, NO_SUCH_NAME, NOT_IMPLEMENTED = 0, 1, 2, 3, 4
TRUNCATED = 0x0200
REVERSE, REVERSE6 = ".in-addr.arpa", ".ip6.arpa"

_HEADER = struct.Struct(">HHHHHH")


class Question:
    """The parts of a query that matter. Raises ValueError when it is malformed."""

    def __init__(self, query: bytes) -> None:
        try:
            self._read(query)
        except (struct.error, IndexError) as error:
            raise ValueError("truncated query") from error

    def _read(self, query: bytes) -> None:
        self.number, self.flags, questions, _, _, additional = _HEADER.unpack_from(query)
        if self.flags & 0x8000 or questions != 1:
            raise ValueError("not a query with one question")
        labels, offset = [], _HEADER.size
        while length := query[offset]:
            if length > 63 or offset + 1 + length >= len(query):
                raise ValueError("malformed name")
            labels.append(query[offset + 1 : offset + 1 + length])
            offset += 1 + length
        self.name = b".".join(labels).decode("ascii", "replace").lower()
        self.type, self.kind = struct.unpack_from(">HH", query, offset + 1)
        self.end = offset + 5
        self.raw = query[_HEADER.size : self.end]
        self.udp_bytes = PLAIN_UDP_BYTES
        # EDNS (RFC 6891): the first additional record is nearly always OPT with the root's name.
        if additional and query[self.end : self.end + 3] == b"\0\0" + bytes([OPT]):
            self.udp_bytes = max(PLAIN_UDP_BYTES, struct.unpack_from(">H", query, self.end + 3)[0])

    @property
    def opcode(self) -> int:
        """0 for a standard query."""
        return int(self.flags >> 11) & 15

    def reply(self, code: int, records: list[bytes] | None = None, *, limit: int = MAX_MESSAGE_BYTES) -> bytes:
        """The response; records beyond `limit` bytes are left out and the message marked as truncated."""
        fitting, size = [], _HEADER.size + len(self.raw)
        for record in records or []:
            size += len(record)
            if size > limit:
                break
            fitting.append(record)
        cut = TRUNCATED if len(fitting) < len(records or []) else 0
        # Response, authoritative, recursion available; opcode and recursion desired as asked.
        flags = 0x8480 | (self.flags & 0x7900) | cut | code
        return _HEADER.pack(self.number, flags, 1, len(fitting), 0, 0) + self.raw + b"".join(fitting)


class Container:
    """What a container's file says: its namespace, whether it may ask the world, (network, address, names) of each network, and names of its own."""

    def __init__(
        self, namespace: str, forward: bool, places: list[tuple[str, str, list[str]]], links: dict[str, list[str]]
    ) -> None:
        self.namespace = namespace
        self.forward = forward
        self.places = places
        self.links = links

    @staticmethod
    def parse(text: str) -> Container:
        """Lines of words: `namespace PATH`, `forward yes|no`, `place NETWORK ADDRESS [NAME,NAME,...]`, `place6` the same with IPv6, `link ALIAS NAME`: here ALIAS stands for NAME."""
        namespace, forward, places = "", False, []
        links: dict[str, list[str]] = {}
        for line in text.splitlines():
            word, _, rest = line.partition(" ")
            if word == "namespace":
                namespace = rest
            elif word == "forward":
                forward = rest == "yes"
            elif word in ("place", "place6"):
                network, address, *names = rest.split(" ")
                places.append(
                    (network, address, [name for name in names[0].lower().split(",") if name] if names else [])
                )
            elif word == "link":
                alias, target = rest.lower().split(" ")
                links.setdefault(alias, []).append(target)
        return Container(namespace, forward, places, links)


class Table:
    """Every container, and the addresses and names of every network."""

    def __init__(self) -> None:
        self.containers: dict[str, Container] = {}
        self._addresses: dict[str, dict[str, list[str]]] = {}
        self._names: dict[str, dict[str, str]] = {}
        self._turn = 0

    def put(self, container_id: str, container: Container | None) -> None:
        """Set or (None) forget a container."""
        old = self.containers.pop(container_id, None)
        for network, address, names in old.places if old else ():
            self._names[network].pop(address, None)
            for name in names:
                self._addresses[network][name].remove(address)
        if container is None:
            return
        self.containers[container_id] = container
        for network, address, names in container.places:
            known = self._addresses.setdefault(network, {})
            for name in names:
                known.setdefault(name, []).append(address)
            if names:
                self._names.setdefault(network, {})[address] = f"{names[0]}.{network}"
            else:
                self._names.setdefault(network, {})

    def addresses(self, asker: Container, name: str) -> list[str]:
        """The addresses (of both kinds) of `name` (or `name.network`) on the first of the asker's networks that knows it, the next one first each time.

        What the asker's own links say goes before.
        """
        for network, _, _ in asker.places:
            known = self._addresses.get(network, {})
            linked = [address for target in asker.links.get(name, ()) for address in known.get(target, ())]
            found = linked or known.get(name) or known.get(name.removesuffix("." + network.lower()), [])
            if found:
                self._turn += 1
                start = self._turn % len(found)
                return found[start:] + found[:start]
        return []

    def name(self, asker: Container, address: str) -> str:
        """The name that goes with an address on one of the asker's networks, "" when there is none."""
        for network, _, _ in asker.places:
            if found := self._names.get(network, {}).get(address):
                return found
        return ""


def answer(table: Table, asker: Container, query: bytes, *, limit: int | None = None) -> bytes | None:
    """The response to `query`; None when it is for the host's resolvers. `limit` None is UDP's own. Raises ValueError when no response is due."""
    question = Question(query)
    size = question.udp_bytes if limit is None else limit
    if question.opcode != 0:
        return question.reply(NOT_IMPLEMENTED)
    if question.name.endswith((REVERSE, REVERSE6)):
        address = reversed_address(question.name)
        if name := table.name(asker, address):
            return question.reply(NO_ERROR, [_record(PTR, _encode(name))] if question.type in (PTR, ANY) else [])
    elif found := table.addresses(asker, question.name):
        # Without a record of the wanted type the name exists all the same: no error, no answer (RFC 2308, NODATA).
        records = [_address(address) for address in found if question.type in (_kind(address), ANY)]
        return question.reply(NO_ERROR, records, limit=size)
    return None if asker.forward else question.reply(NO_SUCH_NAME)


def reversed_address(name: str) -> str:
    """The address that a name of the reverse trees stands for (RFC 1035, 3.5; RFC 3596, 2.5), "" when it is none."""
    if name.endswith(REVERSE):
        return ".".join(reversed(name.removesuffix(REVERSE).split(".")))
    digits = "".join(reversed(name.removesuffix(REVERSE6).split(".")))
    try:
        return socket.inet_ntop(socket.AF_INET6, bytes.fromhex(digits))
    except ValueError:
        return ""  # not all of an address: a question about a whole range


def _kind(address: str) -> int:
    return AAAA if ":" in address else A


def _address(address: str) -> bytes:
    if ":" in address:
        return _record(AAAA, socket.inet_pton(socket.AF_INET6, address))
    return _record(A, socket.inet_aton(address))


def _record(kind: int, value: bytes) -> bytes:
    return b"\xc0\x0c" + struct.pack(">HHIH", kind, IN, TTL_S, len(value)) + value


def _encode(name: str) -> bytes:
    labels = [label.encode("ascii", "replace")[:63] for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def failure(query: bytes) -> bytes:
    """The response that says the question could not be answered now."""
    return Question(query).reply(SERVER_FAILURE)


class Upstreams:
    """The host's resolvers, read again when /etc/resolv.conf changes."""

    def __init__(self, path: str = "/etc/resolv.conf") -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._servers: list[str] = []

    def servers(self) -> list[str]:
        """Addresses in the file's order."""
        try:
            status = os.stat(self._path)
            seen = (status.st_ino, status.st_mtime_ns)
            if seen != self._seen:
                with open(self._path, encoding="utf-8", errors="replace") as stream:
                    words = [line.split() for line in stream]
                self._servers = [line[1] for line in words if len(line) > 1 and line[0] == "nameserver"]
                self._seen = seen
        except OSError:
            return []  # no file, no resolvers: the caller answers with a failure
        return self._servers


def identity(path: str) -> tuple[int, int, int] | None:
    """What tells the file at `path` from a later one of that name; None when there is none. Ours gone: nobody can reach us any more."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_ctime_ns


def connect(kind: socket.SocketKind, server: str) -> socket.socket:
    """A socket to a resolver's port 53."""
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    made = socket.socket(family, kind)
    try:
        made.settimeout(UPSTREAM_TIMEOUT_S)
        made.connect((server, 53))
    except OSError:
        made.close()
        raise
    return made


class Pending:
    """A query on its way to the host's resolvers."""

    def __init__(self, query: bytes, reply: Callable[[bytes], object], servers: list[str]) -> None:
        self.query = query
        self.reply = reply
        self.servers = servers
        self.socket: socket.socket | None = None
        self.deadline = 0.0


class Server:
    """The loop. Orders are taken before queries, so that what was said before a question counts in its answer."""

    def __init__(self, folder: str, path: str, control: socket.socket) -> None:
        self._folder = folder
        self._path = path
        self._control = control
        self._identity = identity(path)
        self._table = Table()
        self._upstreams = Upstreams()
        self._sockets: dict[str, tuple[socket.socket, socket.socket]] = {}
        self._owners: dict[int, tuple[str, socket.socket, bool]] = {}
        self._pending: dict[int, Pending] = {}
        self._streams = threading.BoundedSemaphore(MAX_STREAMS)
        self._poll = select.epoll()
        self._ending = False

    def run(self) -> None:
        """Serve until told to end, or until nobody can reach us any more."""
        self._control.setblocking(False)  # noqa: FBT003 - the standard library's signature
        self._poll.register(self._control.fileno(), select.EPOLLIN)
        self._take_orders()
        for name in os.listdir(self._folder):
            if not name.startswith("."):
                self._look_at(name)
        checked = time.monotonic()
        while not self._ending:
            ready = self._poll.poll(0.25 if self._pending else CHECK_INTERVAL_S)
            self._take_orders()
            for fd, _ in ready:
                self._serve(fd)
            now = time.monotonic()
            self._expire(now)
            if now - checked > CHECK_INTERVAL_S:
                checked = now
                self._ending = self._ending or identity(self._path) != self._identity

    def _serve(self, fd: int) -> None:
        if pending := self._pending.get(fd):
            self._take_upstream(fd, pending)
        elif owner := self._owners.get(fd):
            container_id, listener, stream = owner
            if stream:
                self._accept(container_id, listener)
            else:
                self._take_queries(container_id, listener)

    # --- orders ---

    def _take_orders(self) -> None:
        while not self._ending:
            try:
                data, fds, _, _ = socket.recv_fds(self._control, 256, 2)
            except BlockingIOError:
                return
            order = data.decode().strip()
            if order == "end":
                self._ending = True
            elif order:
                self._look_at(order, [socket.socket(fileno=fd) for fd in fds])

    def _look_at(self, container_id: str, sockets: list[socket.socket] | None = None) -> None:
        try:
            with open(os.path.join(self._folder, container_id), encoding="utf-8") as stream:
                container = Container.parse(stream.read())
        except FileNotFoundError:
            self._table.put(container_id, None)
            self._close(container_id)
            return
        self._table.put(container_id, container)
        if sockets:
            self._close(container_id)
            self._listen(container_id, sockets[0], sockets[1])
        elif container_id not in self._sockets:
            self._open(container_id, container.namespace)

    def _listen(self, container_id: str, datagrams: socket.socket, streams: socket.socket) -> None:
        self._sockets[container_id] = (datagrams, streams)
        for listener, stream in ((datagrams, False), (streams, True)):
            listener.setblocking(False)  # noqa: FBT003 - the standard library's signature
            self._owners[listener.fileno()] = (container_id, listener, stream)
            self._poll.register(listener.fileno(), select.EPOLLIN)

    def _open(self, container_id: str, namespace: str) -> None:
        """Bind in the container's namespace ourselves: after our predecessor died."""
        try:
            sockets = open_inside(namespace)
        except OSError as error:
            # Bound by a command that is about to send us its sockets, or the namespace is gone and so will be the file.
            print(f"{container_id}: {error}", file=sys.stderr, flush=True)  # noqa: T201 - the log of this process
            return
        self._listen(container_id, *sockets)

    def _close(self, container_id: str) -> None:
        for listener in self._sockets.pop(container_id, ()):
            self._owners.pop(listener.fileno(), None)
            self._poll.unregister(listener.fileno())
            listener.close()

    # --- queries ---

    def _take_queries(self, container_id: str, listener: socket.socket) -> None:
        try:
            query, client = listener.recvfrom(MAX_MESSAGE_BYTES)
        except OSError:
            return  # nothing left to read, or a client went away (ICMP)

        def reply(response: bytes) -> None:
            try:
                listener.sendto(response, client)
            except OSError:
                return  # the client or its container is gone

        try:
            asker = self._table.containers.get(container_id)
            response = answer(self._table, asker, query) if asker else failure(query)
        except ValueError:
            return  # not a query: nothing is owed
        if response is None:
            self._forward(Pending(query, reply, list(self._upstreams.servers())))
        else:
            reply(response)

    def _forward(self, pending: Pending) -> None:
        while pending.servers and len(self._pending) < MAX_PENDING:
            try:
                upstream = connect(socket.SOCK_DGRAM, pending.servers.pop(0))
                upstream.send(pending.query)
            except OSError:
                continue  # no way there: the next one
            upstream.setblocking(False)  # noqa: FBT003 - the standard library's signature
            pending.socket, pending.deadline = upstream, time.monotonic() + UPSTREAM_TIMEOUT_S
            self._pending[upstream.fileno()] = pending
            self._poll.register(upstream.fileno(), select.EPOLLIN)
            return
        pending.reply(failure(pending.query))

    def _take_upstream(self, fd: int, pending: Pending) -> None:
        assert pending.socket is not None
        try:
            response = pending.socket.recv(MAX_MESSAGE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self._drop(fd, pending)
            self._forward(pending)  # refused: the next one
            return
        if response[:2] == pending.query[:2]:
            self._drop(fd, pending)
            pending.reply(response)

    def _drop(self, fd: int, pending: Pending) -> None:
        del self._pending[fd]
        self._poll.unregister(fd)
        if pending.socket is not None:
            pending.socket.close()

    def _expire(self, now: float) -> None:
        for fd, pending in list(self._pending.items()):
            if pending.deadline < now:
                self._drop(fd, pending)
                self._forward(pending)

    # --- queries over TCP: rare (long answers), so a thread each ---

    def _accept(self, container_id: str, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # the client has given up
        if not self._streams.acquire(blocking=False):
            connection.close()
            return
        threading.Thread(target=self._converse, args=(container_id, connection), daemon=True).start()

    def _converse(self, container_id: str, connection: socket.socket) -> None:
        try:
            connection.settimeout(IDLE_TIMEOUT_S)
            with connection:
                while query := receive_framed(connection):
                    asker = self._table.containers.get(container_id)
                    if asker is None:
                        return
                    response = answer(self._table, asker, query, limit=MAX_MESSAGE_BYTES) or self._ask_upstream(query)
                    connection.sendall(struct.pack(">H", len(response)) + response)
        except (OSError, ValueError):
            return  # the client's end, its silence, or no query
        finally:
            self._streams.release()

    def _ask_upstream(self, query: bytes) -> bytes:
        for server in self._upstreams.servers():
            try:
                with connect(socket.SOCK_STREAM, server) as upstream:
                    upstream.sendall(struct.pack(">H", len(query)) + query)
                    if response := receive_framed(upstream):
                        return response
            except OSError:
                continue  # no answer: the next one
        return failure(query)


def receive_framed(connection: socket.socket) -> bytes:
    """A message with its two bytes of length (RFC 1035, 4.2.2); b"" at the end of the stream."""
    head = _receive(connection, 2)
    return _receive(connection, struct.unpack(">H", head)[0]) if head else b""


def _receive(connection: socket.socket, size: int) -> bytes:
    whole = b""
    while len(whole) < size:
        chunk = connection.recv(size - len(whole))
        if not chunk:
            return b""
        whole += chunk
    return whole


def bind_both() -> tuple[socket.socket, socket.socket]:
    """The UDP and the TCP socket at ADDRESS of the calling thread's network namespace. Raises OSError (EADDRINUSE: served already)."""
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    streams = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        streams.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        datagrams.bind(ADDRESS)
        streams.bind(ADDRESS)
        streams.listen(MAX_STREAMS)
    except OSError:
        datagrams.close()
        streams.close()
        raise
    return datagrams, streams


def open_inside(namespace: str) -> tuple[socket.socket, socket.socket]:
    """`bind_both` in the network namespace kept at that path. Raises OSError."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    there = -1
    try:
        there = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
        if libc.setns(there, CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), namespace)
        try:
            return bind_both()
        finally:
            if libc.setns(home, CLONE_NEWNET) != 0:
                raise SystemExit("cannot return to the host's network")
    finally:
        os.close(home)
        if there >= 0:
            os.close(there)


def main(arguments: list[str]) -> None:
    """Serve; see the module's docstring."""
    import resource

    folder, path, fd = arguments
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    Server(folder, path, socket.socket(fileno=int(fd))).run()


if __name__ == "__main__":
    main(sys.argv[1:])
