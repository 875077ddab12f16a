"""How commands talk to a project's supervisor: one message a line, over a Unix socket. The command's side is plain and synchronous.

Every wait and every subscription has a connection of its own, so that a command may have many, in any thread.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator, Sequence
from typing import Self, TypeVar

import msgspec

from cais import decoding
from cais.digest import digest_bytes
from cais.errors import CaisError
from cais.locations import Locations
from cais.supervise.events import SupervisorEvent
from cais.supervise.goals import Goal, WaitEnd, WaitOutcome

ANSWER_S = 30.0  # for what needs no waiting
HELLO_S = 5.0
SLACK_S = 2.0  # the supervisor keeps a wait's deadline; the client gives it this much longer
CHUNK_BYTES = 65_536
LONGEST_NAME = 60


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """Are you there?"""


class Refresh(msgspec.Struct, frozen=True, tag="refresh"):
    """These containers (all when empty) were created, started, stopped or removed."""

    container_ids: tuple[str, ...] = ()


class Wait(msgspec.Struct, frozen=True, tag="wait"):
    """Answer when the goal is reached or out of reach, or after `timeout_s`. `max_restarts`: give up after that many crashes."""

    container_id: str
    goal: Goal
    timeout_s: float | None = None
    max_restarts: int | None = None


class Subscribe(msgspec.Struct, frozen=True, tag="subscribe"):
    """Send every event from now on."""


class Noted(msgspec.Struct, frozen=True, tag="noted"):
    """Done."""


class Failure(msgspec.Struct, frozen=True, tag="failure"):
    """It could not be done."""

    message: str


Request = Hello | Refresh | Wait | Subscribe
Reply = Noted | Failure | WaitOutcome | SupervisorEvent


class SupervisorLost(CaisError):
    """The supervisor went away in the middle; starting it again takes up everything."""


class ProjectPaths(msgspec.Struct, frozen=True):
    """Where one project's supervisor is found."""

    folder: str
    stem: str

    @property
    def lock(self) -> str:
        """Held by the supervisor as long as it lives."""
        return os.path.join(self.folder, self.stem + ".lock")

    @property
    def socket(self) -> str:
        """It listens here; the file of a dead supervisor may be left."""
        return os.path.join(self.folder, self.stem + ".sock")

    @property
    def log(self) -> str:
        """What it could not do."""
        return os.path.join(self.folder, self.stem + ".log")


def project_paths(locations: Locations, project: str) -> ProjectPaths:
    """The files of `project`'s supervisor; a name too long or too odd for a file is hashed."""
    plain = project.isascii() and project.replace("-", "").replace("_", "").isalnum() and len(project) <= LONGEST_NAME
    stem = project if plain else digest_bytes(project.encode()).removeprefix("sha256:")[:32]
    return ProjectPaths(os.path.join(locations.run, "projects"), stem)


@contextlib.contextmanager
def short_address(paths: ProjectPaths) -> Iterator[str]:
    """An address of the socket that fits the kernel's 108 bytes however deep the folder is."""
    folder = os.open(paths.folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{paths.stem}.sock"
    finally:
        os.close(folder)


def connect(locations: Locations, project: str) -> Client | None:
    """A client of the project's supervisor, None when none lives."""
    client = Client(project_paths(locations, project), project)
    try:
        client.hello()
    except SupervisorLost:
        client.close()
        return None
    return client


R = TypeVar("R")


class _Connection:
    """One connection: lines out, lines in."""

    def __init__(self, paths: ProjectPaths, project: str) -> None:
        self._project = project
        self._buffer = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            with short_address(paths) as address:
                self._socket.connect(address)
        except OSError as error:
            self._socket.close()
            raise self.lost("does not answer") from error

    def lost(self, how: str) -> SupervisorLost:
        """The error to raise."""
        return SupervisorLost(
            f'the supervisor of project "{self._project}" {how}', hint="run the command again; it starts a new one"
        )

    def send(self, request: Request) -> None:
        try:
            self._socket.settimeout(ANSWER_S)
            self._socket.sendall(msgspec.json.encode(request) + b"\n")
        except OSError as error:
            raise self.lost("went away") from error

    def receive(self, expected: type[R], deadline: float | None) -> R:
        """The next message. Raises TimeoutError when `deadline` (monotonic) passes first."""
        while b"\n" not in self._buffer:
            self._socket.settimeout(None if deadline is None else max(1e-4, deadline - time.monotonic()))
            try:
                chunk = self._socket.recv(CHUNK_BYTES)
            except TimeoutError:
                raise
            except OSError as error:
                raise self.lost("went away") from error
            if not chunk:
                raise self.lost("went away")
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            return decoding.decode(line, expected)
        except msgspec.MsgspecError as error:
            raise self.lost("speaks another version of Cais") from error

    def ask(self, request: Request, timeout_s: float) -> None:
        """Send `request` and wait until it is noted. Raises CaisError with the supervisor's words when it is not."""
        self.send(request)
        try:
            reply = self.receive(Noted | Failure, time.monotonic() + timeout_s)  # type: ignore[arg-type]
        except TimeoutError as error:
            raise self.lost(f"did not answer within {timeout_s:g} s") from error
        if isinstance(reply, Failure):
            raise CaisError(reply.message)

    def close(self) -> None:
        self._socket.close()


class Subscription:
    """Events as they come, from the moment of `Client.subscribe` on. Ends at its deadline; raises SupervisorLost when the supervisor goes."""

    def __init__(self, connection: _Connection, deadline: float | None) -> None:
        self._connection = connection
        self._deadline = deadline

    def __iter__(self) -> Iterator[SupervisorEvent]:
        while (event := self.next()) is not None:
            yield event

    def next(self, timeout_s: float | None = None) -> SupervisorEvent | None:
        """The next event, None when `timeout_s` or the deadline passed first."""
        limits = [] if timeout_s is None else [time.monotonic() + timeout_s]
        limits += [] if self._deadline is None else [self._deadline]
        try:
            return self._connection.receive(SupervisorEvent, min(limits, default=None))  # type: ignore[arg-type]
        except TimeoutError:
            return None

    def close(self) -> None:
        """Stop listening."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Client:
    """A command's end. The supervisor does not end by itself while a client is open."""

    def __init__(self, paths: ProjectPaths, project: str) -> None:
        self._paths = paths
        self._project = project
        self._kept: _Connection | None = None

    def hello(self) -> None:
        """Make sure the supervisor answers, and keep it alive from now on. Raises SupervisorLost."""
        connection = _Connection(self._paths, self._project)
        try:
            connection.ask(Hello(), HELLO_S)
        except BaseException:
            connection.close()
            raise
        self._kept = connection

    def refresh(self, container_ids: Sequence[str] = (), *, timeout_s: float = ANSWER_S) -> None:
        """Tell that these containers (all when empty) were created, started, stopped or removed; returns when that is noted.

        After a start, an exit that came before the call is noticed as well. Raises SupervisorLost.
        """
        with contextlib.closing(_Connection(self._paths, self._project)) as connection:
            connection.ask(Refresh(tuple(container_ids)), timeout_s)

    def wait(
        self, container_id: str, goal: Goal, deadline: float | None = None, *, max_restarts: int | None = None
    ) -> WaitOutcome:
        """Wait until the container is there where `goal` says, or cannot get there, or `deadline` (`time.monotonic()`) passes.

        Implies a refresh of the container. Ends by event. With `max_restarts`, a container that crashes more often than that in the
        meantime ends it (CRASHING). Never raises for the supervisor's death: that is the end LOST.
        """
        timeout_s = None if deadline is None else max(0.0, deadline - time.monotonic())
        try:
            with contextlib.closing(_Connection(self._paths, self._project)) as connection:
                connection.send(Wait(container_id, goal, timeout_s, max_restarts))
                patience = None if deadline is None else deadline + SLACK_S
                reply = connection.receive(WaitOutcome | Failure, patience)  # type: ignore[arg-type]
        except SupervisorLost:
            return WaitOutcome(end=WaitEnd.LOST, container_id=container_id)
        except TimeoutError:
            return WaitOutcome(end=WaitEnd.DEADLINE, container_id=container_id)
        if isinstance(reply, Failure):
            raise CaisError(reply.message)
        assert isinstance(reply, WaitOutcome)
        return reply

    def subscribe(self, *, timeout_s: float | None = None) -> Subscription:
        """All events from now on, for at most `timeout_s`. Raises SupervisorLost."""
        connection = _Connection(self._paths, self._project)
        try:
            connection.ask(Subscribe(), ANSWER_S)
        except BaseException:
            connection.close()
            raise
        return Subscription(connection, None if timeout_s is None else time.monotonic() + timeout_s)

    def close(self) -> None:
        """Let go of the supervisor; it goes on as long as it has something to watch."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
