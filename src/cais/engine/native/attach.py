"""Connecting to PID 1's streams through the monitor's socket (conmon: one packet a message, its first byte the stream)."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
from collections.abc import Callable, Iterator

from cais.engine.native.folders import Folder
from cais.engine.native.observe import is_running
from cais.engine.native.parts import Parts
from cais.engine.native.records import Record
from cais.errors import CaisError, HostError
from cais.linux import processes
from cais.linux.terminal import raw_mode, window_size

STDIN, STDOUT, STDERR = 0, 1, 2
PACKET_BYTES = 65536
HANG_UP_MS = 1000.0
MAX_INTERRUPTS = 3
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_TO_STDERR = 3


def attach(parts: Parts, record: Record) -> None:
    """Copy until PID 1 ends. With a terminal on both sides ours is put in raw mode and its size follows the window. Raises CaisError."""
    if not is_running(record):
        raise CaisError(f'container "{record.name}" is not running', hint="start it first")
    pidfd = processes.open_process(record.life.pid, record.life.pid_started)
    if pidfd is None:
        return
    folder = parts.folder(record.id)
    on_terminal = record.spec.tty and os.isatty(STDIN)
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, pidfd)
        link = stack.enter_context(_connect(folder, record.name))
        if on_terminal:
            stack.enter_context(raw_mode(STDIN))
            stack.enter_context(_sized(folder))
        _copy(link, pidfd, forward_input=record.spec.stdin_open)


def run(parts: Parts, record: Record, start: Callable[[Callable[[], None]], Record]) -> None:
    """Start the container with our streams connected before its process begins, then copy until it ends; nothing it writes is missed."""
    folder = parts.folder(record.id)
    on_terminal = record.spec.tty and os.isatty(STDIN)
    with contextlib.ExitStack() as stack:
        links: list[socket.socket] = []
        running = start(lambda: links.append(stack.enter_context(_connect(folder, record.name))))
        if not links:
            raise CaisError(f'container "{record.name}" is running already', hint="attach to it instead")
        pidfd = processes.open_process(running.life.pid, running.life.pid_started)
        if pidfd is not None:
            stack.callback(os.close, pidfd)
            stack.enter_context(_signals_passed_on(pidfd))
        if on_terminal:
            stack.enter_context(raw_mode(STDIN))
            stack.enter_context(_sized(folder))
        _copy(links[0], pidfd, forward_input=record.spec.stdin_open)


@contextlib.contextmanager
def _connect(folder: Folder, name: str) -> Iterator[socket.socket]:
    # A socket's address holds 108 bytes, a container's folder may need more: so by way of the open folder.
    fd = os.open(folder.bundle, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
            try:
                link.connect(f"/proc/self/fd/{fd}/attach")
            except OSError as error:
                raise HostError(f'the monitor of container "{name}" does not answer: {error.strerror}') from error
            yield link
    finally:
        os.close(fd)


def _copy(link: socket.socket, pidfd: int | None, *, forward_input: bool) -> None:
    """Copy until the monitor hangs up. `pidfd` is None for a process that has ended already."""
    poller = select.poll()
    poller.register(link, select.POLLIN)
    if pidfd is not None:
        poller.register(pidfd, select.POLLIN)
    if forward_input:
        poller.register(STDIN, select.POLLIN)
    patience_ms: float | None = HANG_UP_MS if pidfd is None else None
    while events := poller.poll(patience_ms):
        ready = {fd for fd, _ in events}
        if link.fileno() in ready:
            packet = _receive(link)
            if not packet:
                return
            _write(STDERR if packet[0] == _TO_STDERR else STDOUT, packet[1:])
        if pidfd is not None and pidfd in ready:
            # The monitor passes on what is left and hangs up; should it not, it is not waited for.
            poller.unregister(pidfd)
            patience_ms = HANG_UP_MS
        if STDIN in ready and not _send_input(link):
            poller.unregister(STDIN)


def _receive(link: socket.socket) -> bytes:
    try:
        return link.recv(PACKET_BYTES)
    except ConnectionResetError:
        return b""


def _send_input(link: socket.socket) -> bool:
    data = os.read(STDIN, 8192)
    try:
        if data:
            link.sendall(data)
            return True
        link.shutdown(socket.SHUT_WR)
    except OSError:  # the process closed its input, or ended
        return False
    return False


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


@contextlib.contextmanager
def _signals_passed_on(pidfd: int) -> Iterator[None]:
    """Send the signals we get to PID 1, as `docker run` does; at the third Ctrl-C it is given up (it may ignore them)."""
    interrupts = 0

    def pass_on(number: int, _frame: object) -> None:
        nonlocal interrupts
        interrupts += number == signal.SIGINT
        if interrupts >= MAX_INTERRUPTS:
            raise KeyboardInterrupt
        processes.send(pidfd, number)

    before = {number: signal.signal(number, pass_on) for number in PASSED_ON}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _sized(folder: Folder) -> Iterator[None]:
    """Tell the monitor our window's size, now and at every change."""
    control = os.path.join(folder.bundle, "ctl")

    def tell(*_: object) -> None:
        rows, columns = window_size(STDIN)
        with contextlib.suppress(OSError):  # the monitor has just ended
            fd = os.open(control, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            os.write(fd, f"1 {rows} {columns}\n".encode())
            os.close(fd)

    tell()
    before = signal.signal(signal.SIGWINCH, tell)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)
