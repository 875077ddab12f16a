"""One of the example systems, running under Cais from a copy of its own."""

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.e2e.browser import free_port
from tests.e2e.conftest import copy_stack
from tests.e2e.harness import Answer, Cais, Result

# Each stack's production files, and its variables for host ports with their defaults. Two want 8000, two want 8080.
FILES = {
    "users": "compose.yaml",
    "visitors": "compose.yaml",
    "starter": "docker-compose.yml",
    "apis": "docker-compose.yaml",
    "fotogal": "compose.yaml",
}
PORTS = {
    "users": {"FRONTEND_PORT": 8000, "BACKEND_PORT": 8080},
    "visitors": {"FRONTEND_PORT": 8080},
    "starter": {"APP_PORT": 8000},
    "apis": {"API_FRONTEND_PORT": 5001, "API_BACKEND_PORT": 5002},
    "fotogal": {"FOTOGAL_PORT": 8088},
}


class Stack:
    """A copy of `stacks/NAME`: project name, host ports and settings of its own, so that several can run side by side."""

    def __init__(self, cais: Cais, secrets: Mapping[str, str]) -> None:
        self.cais = cais
        self.folder = cais.folder
        self.secrets = secrets

    def up(self, *options: str) -> Result:
        """All services, healthy."""
        return self.cais.ok("up", "-d", "--wait", *options, timeout_s=600)

    def ensure_up(self) -> None:
        """As `up`; nothing when nothing is missing."""
        here = self.services().values()
        if not here or any((c["State"], c["Health"]) != ("running", "healthy") for c in here):
            self.up()

    def services(self) -> dict[str, dict[str, Any]]:
        """What `cais ps` says of each service."""
        return {c["Service"]: c for c in self.cais.containers()}

    def configuration(self) -> dict[str, Any]:
        """The services as Cais understands the files."""
        return dict(json.loads(self.cais.ok("config", "--format", "json").stdout)["services"])

    def image(self, service: str) -> dict[str, Any]:
        """`cais image inspect` of a service's image."""
        reference = self.services()[service]["Image"]
        return dict(json.loads(self.cais.ok("image", "inspect", reference).stdout)[0])

    def address(self, service: str) -> str:
        """The container's address on its first network."""
        return str(next(iter(self.cais.container(service)["Addresses"].values())))


class SlowPost:
    """A request in flight: the head and a part of the body are sent; `finish` sends the rest and reads the answer."""

    def __init__(self, host: str, port: int, path: str, value: object) -> None:
        self._body = json.dumps(value).encode()
        self._connection = HTTPConnection(host, port, timeout=10)
        self._connection.putrequest("POST", path)
        self._connection.putheader("Content-Type", "application/json")
        self._connection.putheader("Content-Length", str(len(self._body)))
        self._connection.endheaders(self._body[:5])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def finish(self) -> Answer:
        """Send what is missing; the answer."""
        self._connection.send(self._body[5:])
        with self._connection.getresponse() as answer:
            return Answer(answer.status, answer.read(), dict(answer.headers))


class SlowGet:
    """A request in flight: a part of its head is sent; `finish` sends the rest and reads the answer."""

    def __init__(self, host: str, port: int, path: str = "/") -> None:
        self._connection = HTTPConnection(host, port, timeout=10)
        self._connection.connect()
        self._connection.sock.sendall(f"GET {path} HTTP/1.1\r\n".encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def finish(self) -> Answer:
        """Send what is missing; the answer."""
        self._connection.sock.sendall(b"Host: localhost\r\nConnection: close\r\n\r\n")
        with HTTPResponse(self._connection.sock) as answer:
            answer.begin()
            return Answer(answer.status, answer.read(), dict(answer.headers))


class Stopping:
    """`cais stop SERVICE` in the background."""

    def __init__(self, stack: Stack, service: str) -> None:
        self._result: Result | None = None

        def stop() -> None:
            self._result = stack.cais.ok("stop", service)

        self._thread = threading.Thread(target=stop)
        self._thread.start()

    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def seconds(self) -> float:
        """How long the command took."""
        self._thread.join()
        assert self._result is not None, "cais stop failed"
        return self._result.seconds


@contextmanager
def standing(stack: Stack, *flags: str) -> Iterator[Stack]:
    """The stack, up and healthy (`flags` are more ones of `up`); taken down at the end with all that is its own."""
    try:
        stack.up(*flags)
        yield stack
    finally:
        stack.cais.run("down", "-v", "--rmi", "local", "-t", "0")


@contextmanager
def in_development(name: str, port: str, cais_root: Path, folder: Path) -> Iterator[Stack]:
    """`stacks/NAME`, copied to `folder`, with its development override, which is read by itself; `port` is the variable of its port."""
    env = {"COMPOSE_PROJECT_NAME": f"{name}dev{os.getpid()}", port: str(free_port())}
    with standing(Stack(Cais(cais_root, copy_stack(name, folder), env), {})) as stack:
        yield stack
