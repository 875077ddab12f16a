"""conmon: the small process beside each container that holds its streams, its log and its exit status, so that Cais may go away."""

from __future__ import annotations

import contextlib
import os
import time

import msgspec

from cais import decoding, proc
from cais.engine.details import LogDriver, LogSpec
from cais.engine.native.folders import Folder
from cais.engine.native.runtime import Runtime
from cais.errors import CaisError, HostError
from cais.linux import processes

INSTALL_HINT = "apt-get install conmon"
EXIT_WAIT_S = 5.0
EXIT_STEP_S = 0.002
LAUNCH_S = 0.1  # from the start of conmon until it has written its own pid, with much to spare


class _Report(msgspec.Struct, frozen=True):
    data: int  # the pid, -1 when the runtime failed
    message: str = ""


class StartFailed(CaisError):
    """The runtime could not make the container's process; `code` is 127 (not found), 126 (not executable) or 125, as Docker has it."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def launch(runtime: Runtime, container_id: str, folder: Folder, *, tty: bool, stdin: bool, log: LogSpec) -> int:
    """Start a monitor and through it create the container; PID 1's pid on the host, waiting to be started. Raises StartFailed."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    command = proc.Command(
        argv=_argv(runtime, container_id, folder, tty=tty, stdin=stdin, log=log),
        env={"_OCI_SYNCPIPE": str(writer)},
        pass_fds=(writer,),
        cwd="/",
        install_hint=INSTALL_HINT,
    )

    def start() -> int:
        devnull = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        try:
            return proc.start(command, stdin=devnull, stdout=devnull, stderr=devnull, new_session=True).wait()
        finally:
            os.close(devnull)

    try:
        try:
            # The process started forks the lasting monitor and ends.
            returncode = runtime.apart(start)
        finally:
            os.close(writer)
        with os.fdopen(reader, "rb", closefd=False) as stream:
            line = stream.readline()
    finally:
        os.close(reader)
    if not line:
        raise HostError(
            f"conmon ended with {proc.describe_returncode(returncode)} before it reported", details=[str(command)]
        )
    report = decoding.decode(line, _Report)
    if report.data <= 0:
        raise explain(report.message)
    return report.data


def _argv(
    runtime: Runtime, container_id: str, folder: Folder, *, tty: bool, stdin: bool, log: LogSpec
) -> tuple[str, ...]:
    program, *arguments = runtime.argv()
    path = "none:" if log.driver is LogDriver.NONE else f"k8s-file:{folder.log}"
    return (
        *("conmon", "--api-version", "1", "--cid", container_id, "--cuuid", container_id, "--name", container_id[:12]),
        *("--runtime", program, *(f"--runtime-arg={argument}" for argument in arguments)),
        *("--bundle", folder.bundle, "--full-attach", "--persist-dir", folder.bundle, "--exit-dir", folder.exits),
        *("--container-pidfile", folder.pid_file, "--conmon-pidfile", folder.monitor_pid_file),
        *("--log-path", path, "--log-level", "error", "--no-sync-log"),
        *(("--log-size-max", str(log.max_bytes)) if log.max_bytes else ()),
        *(("--terminal",) if tty else ()),
        *(("--stdin",) if stdin else ()),
    )


def explain(message: str) -> StartFailed:
    """The runtime's message as an error with Docker's exit code."""
    text = _plain(" ".join(message.split()))
    for prefix in ("runtime create failed: ", "container create failed: ", "runc create failed: "):
        text = text.removeprefix(prefix)
    lower = text.lower()
    if "not found" in lower or "no such file" in lower:
        return StartFailed(text, 127)
    # crun 1.8 says "operation not permitted" of a folder.
    refused = "open executable" in lower and "operation not permitted" in lower
    if refused or any(words in lower for words in ("permission denied", "exec format error", "is a directory")):
        return StartFailed(text, 126)
    return StartFailed(text or "the runtime gave no reason", 125)


def _plain(text: str) -> str:
    """The message of a line of runc's log, `time="..." level=error msg="..."`; other text as it is."""
    _, found, rest = text.partition(' level=error msg="')
    if not found or not text.startswith("time="):
        return text
    return rest.rpartition('"')[0].replace('\\"', '"')


def read_pid(path: str) -> int:
    """The pid in a pid file; 0 when there is none."""
    try:
        with open(path, encoding="ascii") as stream:
            return int(stream.read().strip() or 0)
    except (FileNotFoundError, ValueError):
        return 0


def exit_code(container_id: str, folder: Folder) -> int | None:
    """What conmon wrote down as the exit status, once it has ended; None when it did not write any."""
    wait_end(folder)  # it writes the status before the last of the log
    try:
        with open(os.path.join(folder.exits, container_id), encoding="ascii") as stream:
            return int(stream.read().strip() or 255)
    except FileNotFoundError:
        return None


def await_pid(folder: Folder) -> int:
    """The pid of PID 1 after a start that nobody saw to its end: a monitor may still be at work on it. 0 when there is none to come."""
    began = time.monotonic()
    while True:
        coming = is_alive(folder) or time.monotonic() < began + LAUNCH_S
        pid = read_pid(folder.pid_file)
        if pid or not coming or time.monotonic() > began + EXIT_WAIT_S:
            return pid
        time.sleep(EXIT_STEP_S)


def wait_end(folder: Folder) -> None:
    """Wait until the monitor has put down its tools, so that its files can go; not for ever."""
    if not is_alive(folder):
        return
    with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
        # Also told of one that has ended and that nobody reaps.
        fd = os.pidfd_open(read_pid(folder.monitor_pid_file))
        try:
            processes.wait_end(fd, EXIT_WAIT_S)
        finally:
            os.close(fd)


def is_alive(folder: Folder) -> bool:
    """Whether the monitor still runs; then there may be more to come in the log."""
    # After a reboot the pid may be somebody else's, so its name is looked at.
    pid = read_pid(folder.monitor_pid_file)
    if not pid or not processes.start_time(pid):
        return False
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as stream:
            return stream.read().strip() == "conmon"
    except (FileNotFoundError, ProcessLookupError):
        return False
