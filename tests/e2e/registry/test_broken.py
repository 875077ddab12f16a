"""Connections and commands that break in the middle, seen by the command line."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.harness import Cais, until
from tests.e2e.registry.debian import PASSWORD, USER, DebianRegistry, debian_registry
from tests.e2e.registry.images import inspect, make_image
from tests.fakes.registry import Call, FakeRegistry, Fault

pytestmark = pytest.mark.root
MEGABYTE = 1 << 20


class Cutter:
    """Passes connections on to a port, and breaks the first `cuts` of those that carry more than `after` bytes one way."""

    def __init__(self, target: int, *, cuts: int, after: int) -> None:
        self._target = target
        self._after = after
        self.cuts = cuts
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._sockets = [self._socket]
        self._threads[0].start()

    def close(self) -> None:
        for each in self._sockets:
            with contextlib.suppress(OSError):  # not connected any more
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        self._socket.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client = self._socket.accept()[0]
                server = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [client, server]
                self._threads.append(threading.Thread(target=self._carry, args=(client, server), daemon=True))
                self._threads[-1].start()

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        back = threading.Thread(target=self._pass_on, args=(server, client), daemon=True)
        back.start()
        self._pass_on(client, server)
        back.join()
        # Only now is who still sends told that nobody reads: a socket that is only shut down goes on to take data.
        for each in (client, server):
            each.close()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        passed = 0
        with contextlib.suppress(OSError):  # the other direction was cut
            while data := one.recv(1 << 16):
                other.sendall(data)
                passed += len(data)
                if passed > self._after and self.cuts > 0:
                    self.cuts -= 1
                    break
        for each in (one, other):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def cutter(debian: DebianRegistry) -> Iterator[Cutter]:
    made = Cutter(int(debian.host.rpartition(":")[2]), cuts=2, after=4 * MEGABYTE)
    yield made
    made.close()


def test_a_real_registry_goes_on_with_an_upload_and_a_download(
    cais: Cais, debian: DebianRegistry, cutter: Cutter
) -> None:
    name = f"localhost:{cutter.port}/app:1"
    image_id = make_image(cais, name, 16 * MEGABYTE)
    cais.ok("image", "push", name)
    assert cutter.cuts == 0
    begun = re.findall(r"http.request.method=(PATCH|POST)", debian.log)
    assert begun.count("PATCH") >= 3
    cais.ok("image", "rm", name)
    cutter.cuts = 2
    pulled = cais.ok("image", "pull", name)
    assert cutter.cuts == 0
    assert "going on at byte" in pulled.stderr
    assert inspect(cais, name)["Id"] == image_id
    assert cais.ok("image", "validate", name).stdout == ""


def test_a_killed_pull_is_gone_on_with(cais: Cais) -> None:
    registry = FakeRegistry()
    try:
        registry.image(tag="1", big=os.urandom(3 * MEGABYTE).hex())
        path, (_, data) = max(registry.served.items(), key=lambda item: len(item[1][1]))
        half = len(data) // 2
        released = threading.Event()

        def half_and_silence(call: Call) -> None:
            call.send_response(200)
            call.send_header("Content-Length", str(len(data)))
            call.end_headers()
            call.wfile.write(data[:half])
            released.wait(60)

        registry.faults.append(Fault("GET", path, half_and_silence))
        name = f"{registry.host}/app/web:1"
        process = cais.start("image", "pull", name)
        incoming = cais.root / "store/incoming"
        until(lambda: any(file.stat().st_size == half for file in incoming.iterdir()) if incoming.is_dir() else False)
        process.kill()
        process.wait()
        released.set()
        cais.ok("image", "pull", name)
        assert [a.headers.get("Range") for a in registry.asked if a.path.endswith(path)] == [None, f"bytes={half}-"]
        assert list(incoming.iterdir()) == []
        assert cais.ok("image", "validate", name).stdout == ""
    finally:
        registry.close()


def test_a_password_is_asked_for_and_not_shown(cais: Cais, tmp_path: Path) -> None:
    with debian_registry(tmp_path / "guarded", login=True) as running:
        master, slave = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "cais", "login", running.host],
            cwd=cais.folder,
            env=cais.env,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        shown = _read_until(master, "Username")
        os.write(master, f"{USER}\n".encode())
        shown += _read_until(master, "Password")
        os.write(master, f"{PASSWORD}\n".encode())
        shown += _read_until(master, "Login Succeeded")
        assert process.wait(20) == 0
        os.close(master)
    assert PASSWORD not in shown
    assert (tmp_path / "home/.docker/config.json").stat().st_mode & 0o777 == 0o600


def _read_until(fd: int, word: str) -> str:
    text = ""
    while word not in text:
        ready, _, _ = select.select([fd], [], [], 20)
        assert ready, f"{word!r} did not come: {text!r}"
        text += os.read(fd, 4096).decode(errors="replace")
    return text


COMPOSE = "services:\n  app:\n    image: {name}\n    pull_policy: {policy}\n"


def test_up_fetches_as_it_is_told(cais: Cais, debian: DebianRegistry) -> None:
    """`--dry-run`, which says what would be fetched, and `create`, which does it."""
    name = f"{debian.host}/app:1"
    first = make_image(cais, name, 1000)
    cais.ok("image", "push", name)
    (cais.folder / "compose.yaml").write_text(COMPOSE.format(name=name, policy="missing"))
    try:
        assert "fetch image" not in cais.ok("up", "--dry-run").stdout
        assert f"fetch image {name}: the pull policy is always" in cais.ok("up", "--dry-run", "--pull", "always").stdout
        second = make_image(cais, f"{debian.host}/newer:1", 2000)
        cais.ok("image", "copy", f"store:{debian.host}/newer:1", f"docker://{name}")
        cais.ok("create")
        assert inspect(cais, name)["Id"] == first
        cais.ok("create", "--pull", "always")
        assert inspect(cais, name)["Id"] == second
        cais.ok("rm", "-f")
        cais.ok("image", "rm", name)
        never = cais.run("create", "--pull", "never")
        assert (never.code, "the pull policy is never" in never.stderr) == (18, True)
    finally:
        cais.run("down", "-t", "0")
