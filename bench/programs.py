"""Runs programs and says how long they took."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from bench.netns import inside

TIMEOUT_S = 180.0
SHOWN_LINES = 8


class MeasureError(Exception):
    """A side cannot do what is measured; the text says why."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a program runs."""

    env: Mapping[str, str]
    cwd: str = "/"
    network: str | None = None
    """A network namespace's file; None for the host's own."""


class Done(msgspec.Struct, frozen=True):
    """A program's end."""

    seconds: float
    stdout: str


def call(argv: Sequence[str], place: Place, *, timeout_s: float = TIMEOUT_S) -> Done:
    """Run to the end. `MeasureError` with the last lines of its output when it fails.

    The output goes to files: a pipe would stay open in whatever the program leaves running.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, _network(place.network):
        began = time.perf_counter()
        process = subprocess.Popen(argv, env=place.env, cwd=place.cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        code = wait(process, timeout_s)
        seconds = time.perf_counter() - began
        if code is None:
            process.kill()
            process.wait()
        stdout, stderr = _text(out.fileno()), _text(err.fileno())
    if code != 0:
        last = "\n".join((stdout + stderr).splitlines()[-SHOWN_LINES:])
        end = f"no end after {timeout_s:.0f} s" if code is None else f"exit code {code}"
        raise MeasureError(f"{' '.join(argv)}: {end}\n{last}")
    return Done(seconds, stdout)


def wait(process: subprocess.Popen[bytes], timeout_s: float) -> int | None:
    """Its exit code the moment it ends; None after `timeout_s`.

    By a pidfd: `Popen.wait` with a timeout looks only every 50 ms, which would be in the figures.
    """
    if process.returncode is not None:
        return process.returncode
    descriptor = os.pidfd_open(process.pid)  # not reaped yet, so the number is still its own
    try:
        ready, _, _ = select.select([descriptor], [], [], timeout_s)
    finally:
        os.close(descriptor)
    return process.wait() if ready else None


@contextlib.contextmanager
def _network(path: str | None) -> Iterator[None]:
    with inside(path) if path else contextlib.nullcontext():
        yield


def _text(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    with os.fdopen(os.dup(descriptor), "rb") as stream:
        return stream.read().decode("utf-8", "replace")


def clean_env(**more: str) -> dict[str, str]:
    """The caller's environment without what would change Python, Docker or Cais, and with `more`."""
    dropped = ("PYTHON", "DOCKER_", "COMPOSE_", "CAIS_", "BUILDKIT_")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)} | more
