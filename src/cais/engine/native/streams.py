"""The streams of a process started inside a container: pipes, whatever the caller's own are.

The runtime gives them to the process's user (fchown(2)), so that it can open /dev/stdout again. crun does so with anything it is handed in
`exec`: with the host's /dev/null, with the file that the caller writes to, with his terminal. A pipe is nobody else's; and a process
inside should not hold a file or a terminal of the host in any case.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import threading
from collections.abc import Callable, Iterator

import msgspec

STDIN, STDOUT, STDERR = 0, 1, 2
CHUNK_BYTES = 65536  # all that a pipe holds


class Streams(msgspec.Struct, frozen=True):
    """What the process is given, and our ends: `feed` takes its input (-1: nothing to copy), `outputs` tells where what is read belongs."""

    given: tuple[int, int, int]
    feed: int
    outputs: dict[int, int]

    def close_given(self) -> None:
        """To be called when the process has them."""
        for fd in set(self.given) - {STDIN, STDOUT, STDERR}:
            os.close(fd)


@contextlib.contextmanager
def no_input() -> Iterator[int]:
    """A stream that is at its end."""
    reader = _ended()
    try:
        yield reader
    finally:
        os.close(reader)


def run(start: Callable[[int, int, int], subprocess.Popen[bytes]], *, interactive: bool) -> int:
    """Call `start` with three streams, copy between them and the caller's until the process ends; its return code.

    Without `interactive` the process finds its input at the end.
    """
    streams = _make(interactive=interactive)
    try:
        try:
            process = start(*streams.given)
        finally:
            streams.close_given()
        if streams.feed >= 0:
            # A thread, because reading our input cannot be interrupted by the end of the process.
            threading.Thread(target=_feed, args=(streams.feed,), name="cais-input", daemon=True).start()
        return _copy(process, streams.outputs)
    finally:
        for reader in streams.outputs:
            os.close(reader)


def _make(*, interactive: bool) -> Streams:
    source, feed = STDIN, -1
    if not interactive:
        source = _ended()
    elif not _is_pipe(STDIN):
        source, feed = os.pipe2(os.O_CLOEXEC)
    outputs: dict[int, int] = {}
    return Streams((source, _sink(STDOUT, outputs), _sink(STDERR, outputs)), feed, outputs)


def _ended() -> int:
    reader, writer = os.pipe2(os.O_CLOEXEC)
    os.close(writer)
    return reader


def _sink(stream: int, outputs: dict[int, int]) -> int:
    # A pipe that the caller made is handed on as it is: nothing has to be copied.
    if _is_pipe(stream):
        return stream
    reader, writer = os.pipe2(os.O_CLOEXEC)
    outputs[reader] = stream
    return writer


def _is_pipe(fd: int) -> bool:
    # A named pipe is a file with an owner, which must stay as it is.
    try:
        return os.readlink(f"/proc/self/fd/{fd}").startswith("pipe:")
    except FileNotFoundError:  # closed by the caller
        return False


def _feed(sink: int) -> None:
    with contextlib.suppress(OSError):  # the process closed its input, or we have none
        while chunk := os.read(STDIN, CHUNK_BYTES):
            _write(sink, chunk)
    os.close(sink)


def _copy(process: subprocess.Popen[bytes], outputs: dict[int, int]) -> int:
    """Until the process has ended and what it wrote is passed on; descendants that keep a stream open are not waited for."""
    pidfd = os.pidfd_open(process.pid)
    try:
        poller = select.poll()
        for fd in (pidfd, *outputs):
            poller.register(fd, select.POLLIN)
        running = True
        while running:
            ready = {fd for fd, _ in poller.poll()}
            running = pidfd not in ready
            for fd in ready & outputs.keys():
                if not _pass_on(fd, outputs[fd]):
                    poller.unregister(fd)
        for fd in {fd for fd, _ in poller.poll(0)} & outputs.keys():
            _pass_on(fd, outputs[fd])
        return process.wait()
    finally:
        os.close(pidfd)


def _pass_on(reader: int, stream: int) -> bool:
    chunk = os.read(reader, CHUNK_BYTES)
    _write(stream, chunk)
    return bool(chunk)


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
