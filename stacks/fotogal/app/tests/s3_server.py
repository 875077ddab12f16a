"""The S3 server of the stack (`objects/`), started by a test."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fotogal.settings import S3Settings

SOURCE = Path(__file__).parents[2] / "objects"
KEYS = {"S3_ACCESS_KEY": "fotogal", "S3_SECRET_KEY": "a secret of tests", "S3_REGION": "sa-saopaulo-1"}
PATIENCE_S = 30


def program() -> Path:
    """The server, compiled once and kept beside the virtual environment. Skips the test where that cannot be."""
    sources = sorted(SOURCE.glob("*.go")) + sorted(SOURCE.glob("go.*"))
    if not sources:
        pytest.skip(f"no sources of an S3 server in {SOURCE}")
    content = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    built = Path(sys.prefix).parent / f"objects-{content}"
    if not built.exists():
        _build(built)
    return built


def _build(target: Path) -> None:
    if os.environ.get("CAIS_STACK_TESTS") != "all":
        pytest.skip(
            "the S3 server is not compiled yet, which takes minutes and the network: ./test stacks/fotogal does it"
        )
    if shutil.which("go") is None:
        pytest.skip("no Go compiler on this machine to build the S3 server with")
    subprocess.run(["go", "build", "-o", target, "."], cwd=SOURCE, check=True, env={**os.environ, "CGO_ENABLED": "0"})


@contextmanager
def running(folder: Path, port: int = 0) -> Iterator[S3Settings]:
    """A server over `folder`, at a free port unless one is given."""
    port = port or free_port()
    # An environment made from nothing: it reads no file of the user's.
    environment = {**KEYS, "OBJECTS_ADDRESS": f"127.0.0.1:{port}", "OBJECTS_FOLDER": str(folder)}
    with subprocess.Popen([program()], env=environment, stdout=subprocess.DEVNULL) as server:
        try:
            _wait(server, port)
            yield S3Settings(
                f"http://127.0.0.1:{port}", KEYS["S3_REGION"], KEYS["S3_ACCESS_KEY"], KEYS["S3_SECRET_KEY"]
            )
        finally:
            server.terminate()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    """Until it listens."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert server.poll() is None, "the S3 server has ended; is there room for extended attributes?"
            assert time.monotonic() < deadline, "the S3 server does not listen"
            time.sleep(0.02)
        else:
            return
