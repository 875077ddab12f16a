"""The application as gunicorn runs it: SIGTERM lets an upload finish, and SIGKILL at any moment leaves every photo whole or absent."""

from __future__ import annotations

import io
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from fotogal import files, sessions, sweep
from fotogal.objects.filesystem import FilesystemStore
from fotogal.settings import BUCKET
from fotogal.stores import OBJECTS_FOLDER
from pictures import encoded, halves
from world import World

APP = Path(__file__).parents[1]
PATIENCE_S = 60


class Server:
    """gunicorn with the image's own configuration, on the stores of `world`."""

    def __init__(self, world: World) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self._folder = world.folder
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py", "--bind", f"127.0.0.1:{self.port}"]
        environment = {
            **os.environ,
            "FOTOGAL_DATA": str(self._folder),
            "FOTOGAL_LOG_LEVEL": "ERROR",
            "WEB_CONCURRENCY": "1",
        }
        # A group of its own, so that a kill reaches the workers too, as the end of a container does.
        return subprocess.Popen(
            [*command, "fotogal.web:create_app()"],
            cwd=APP,
            env=environment,
            start_new_session=True,
            stderr=subprocess.DEVNULL,
        )

    def wait(self) -> None:
        until(lambda: self.call("GET", "/health/ready")[0] == 200)

    def call(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """0 for who is not answered."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, HTTPException):
            return 0, b""
        finally:
            connection.close()

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def start_again(self) -> None:
        self.process = self._start()
        self.wait()


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def server(world: World) -> Iterator[Server]:
    # To where the settings put the embedded stores.
    bucket = world.folder / OBJECTS_FOLDER / BUCKET
    (world.folder / "objects").rename(world.folder / "moved")
    bucket.parent.mkdir()
    (world.folder / "moved").rename(bucket)
    world.objects = FilesystemStore(bucket)
    started = Server(world)
    started.wait()
    yield started
    if started.process.poll() is None:
        started.kill()


def upload(token: str, data: bytes) -> tuple[bytes, dict[str, str]]:
    boundary, body = encode_multipart({"image": FileStorage(io.BytesIO(data), "a.jpg")})
    headers = {
        "Cookie": f"fotogal-session={token}",
        "X-CSRF-Token": sessions.csrf_token(token),
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(len(body)),
    }
    return body, headers


def real_token(world: World) -> str:
    """The processes have the machine's clock, the world has its own."""
    world.clock.now_ms = time.time_ns() // 1_000_000
    return world.services.sessions.open(world.user("selma"))


def test_an_upload_in_flight_is_finished_after_sigterm(world: World, server: Server) -> None:
    body, headers = upload(real_token(world), encoded(halves(900, 600), "JPEG"))
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as line:
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        line.sendall(f"POST /api/image/upload HTTP/1.1\r\nHost: localhost\r\n{head}\r\n".encode() + body[:1000])
        # The one worker reads the body: it is in flight when another request was answered after it.
        until(lambda: server.call("GET", "/health/live")[0] == 200)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: server.call("GET", "/health/live")[0] == 0)
        line.sendall(body[1000:])
        assert line.makefile("rb").readline().split()[1] == b"201"
    assert server.process.wait(PATIENCE_S) == 0
    assert len(world.services.gallery.photos_of(world.user("selma"), "selma", 10).items) == 1


def test_killed_at_any_moment_a_photo_is_whole_or_absent(world: World, server: Server) -> None:
    token, chance = real_token(world), random.Random(5)
    body, headers = upload(token, encoded(halves(1500, 1000), "JPEG"))
    before = len(list(world.objects.listing()))
    answered: list[int] = []

    def publish_until_killed() -> None:
        while (status := server.call("POST", "/api/image/upload", body, headers)[0]) != 0:
            answered.append(status)

    for _ in range(4):
        threads = [threading.Thread(target=publish_until_killed) for _ in range(2)]
        for thread in threads:
            thread.start()
        time.sleep(chance.uniform(0.1, 0.6))
        server.kill()
        for thread in threads:
            thread.join()
        server.start_again()
    assert set(answered) <= {201}
    shown = world.services.gallery.photos_of(world.user("selma"), "selma", 10_000).items
    keys = {item.key for item in world.objects.listing()}
    named = {files.key(one.photo, variant) for one in shown for variant in files.variants(one.photo)}
    assert named <= keys
    assert len(shown) >= len(answered)
    # What is too much has no row, and the sweep takes all of it.
    swept = sweep.sweep(world.catalogue, world.objects, time.time_ns() // 1_000_000 + 2 * sweep.YOUNGEST_MS)
    assert swept.removed == len(keys) - before - len(named)
    assert len(list(world.objects.listing())) == before + len(named)


def test_a_setting_that_will_not_do_is_said_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py", "fotogal.web:create_app()"],
        cwd=APP,
        env={**os.environ, "FOTOGAL_CATALOGUE": "postgresql"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("cannot start: FOTOGAL_CATALOGUE_URL: ")
