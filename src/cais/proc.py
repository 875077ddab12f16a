"""The only starter of programs: a Command in, an Outcome out.

Its environment is built from nothing (plus what the command names), the locale is fixed, and a failure carries a command line that can be
pasted. Stopping goes SIGINT, SIGTERM, SIGKILL with a named wait for each.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from cais.errors import CaisError, HostError, MissingTool

BASE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TAIL_LINES = 20


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A program to run. `argv[0]` is looked up on `BASE_PATH` unless it has a slash.

    `env` is added to a minimal environment (PATH, LANG, HOME). `stdin` is given as bytes. `install_hint` says how to get the program when
    it is missing. `pass_fds` are file descriptors kept open. `secrets` are words masked when the command is printed.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = {}
    cwd: str | None = None
    stdin: bytes | None = None
    timeout_s: float | None = None
    install_hint: str | None = None
    pass_fds: tuple[int, ...] = ()
    secrets: tuple[str, ...] = ()

    def __str__(self) -> str:
        line = shlex.join(self.argv)
        for secret in self.secrets:
            line = line.replace(secret, "***")
        return line


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a command. `returncode` is negative for a signal, as in subprocess; times in monotonic seconds."""

    command: Command
    returncode: int
    stdout: bytes
    stderr: bytes
    elapsed_s: float
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        """Whether the program ended with 0 in time."""
        return self.returncode == 0 and not self.timed_out

    def check(self, doing: str) -> Outcome:
        """Self when ok; else raises HostError that says what was being done, with the program's last lines."""
        if self.ok:
            return self
        lines = (self.stderr or self.stdout).decode(errors="replace").splitlines()[-TAIL_LINES:]
        how = "timed out" if self.timed_out else f"ended with {describe_returncode(self.returncode)}"
        raise HostError(f"{doing}: {self.command.argv[0]} {how}", details=[*lines, f"command: {self.command}"])


class StopPolicy(msgspec.Struct, frozen=True):
    """How long to wait, in seconds, after each signal before the next."""

    interrupt_s: float = 0.3
    terminate_s: float = 2.0


DEFAULT_STOP = StopPolicy()


def describe_returncode(returncode: int) -> str:
    """`exit code 3` or `signal SIGKILL`."""
    if returncode >= 0:
        return f"exit code {returncode}"
    try:
        return f"signal {signal.Signals(-returncode).name}"
    except ValueError:
        return f"signal {-returncode}"


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The minimal environment of every program we start, plus `extra`."""
    return {"PATH": BASE_PATH, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "HOME": os.environ.get("HOME", "/root"), **extra}


def find_program(name: str) -> str | None:
    """The path of program `name` on BASE_PATH, or None."""
    if "/" in name:
        return name if os.access(name, os.X_OK) else None
    for folder in BASE_PATH.split(":"):
        candidate = os.path.join(folder, name)
        if os.access(candidate, os.X_OK):
            return candidate
    return None


def start(
    command: Command,
    *,
    stdin: int | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
    new_session: bool = False,
) -> subprocess.Popen[bytes]:
    """Start `command` and return at once. `None` streams are /dev/null for stdin, inherited else. Raises MissingTool."""
    program = find_program(command.argv[0])
    if program is None:
        raise MissingTool(f'program "{command.argv[0]}" is not installed', hint=command.install_hint)
    try:
        return subprocess.Popen(
            [program, *command.argv[1:]],
            env=environment(command.env),
            cwd=command.cwd,
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=command.pass_fds,
            start_new_session=new_session,
        )
    except OSError as error:
        raise CaisError(
            f'cannot start "{command.argv[0]}": {error.strerror}', details=[f"command: {command}"]
        ) from error


def run(command: Command, *, stop: StopPolicy = DEFAULT_STOP) -> Outcome:
    """Run `command` to its end and return what came of it; a non-zero exit is an Outcome, not an exception."""
    began = time.monotonic()
    process = start(
        command,
        stdin=subprocess.DEVNULL if command.stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    timed_out = False
    try:
        stdout, stderr = process.communicate(command.stdin, timeout=command.timeout_s)
    except subprocess.TimeoutExpired:
        timed_out = True
        end(process, stop=stop)
        stdout, stderr = process.communicate()
    except BaseException:
        end(process, stop=stop)
        raise
    return Outcome(
        command=command,
        returncode=process.returncode,
        stdout=stdout,
        stderr=stderr,
        elapsed_s=time.monotonic() - began,
        timed_out=timed_out,
    )


def run_streaming(command: Command, on_output: Callable[[bytes], None], *, stop: StopPolicy = DEFAULT_STOP) -> Outcome:
    """Like `run`, but stdout and stderr together go to `on_output` as they come. The Outcome's stdout is their last 64 KiB."""
    began = time.monotonic()
    process = start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    tail = b""
    try:
        assert process.stdout is not None
        while chunk := os.read(process.stdout.fileno(), 65536):
            on_output(chunk)
            tail = (tail + chunk)[-65536:]
        process.wait()
    except BaseException:
        end(process, stop=stop)
        raise
    finally:
        if process.stdout is not None:
            process.stdout.close()
    return Outcome(
        command=command, returncode=process.returncode, stdout=tail, stderr=b"", elapsed_s=time.monotonic() - began
    )


def end(process: subprocess.Popen[bytes], *, stop: StopPolicy = DEFAULT_STOP) -> None:
    """End `process`: SIGINT, SIGTERM, SIGKILL, each given its time."""
    steps: Sequence[tuple[signal.Signals, float | None]] = (
        (signal.SIGINT, stop.interrupt_s),
        (signal.SIGTERM, stop.terminate_s),
        (signal.SIGKILL, None),
    )
    for number, wait_s in steps:
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(wait_s)
        except subprocess.TimeoutExpired:
            continue
        return
