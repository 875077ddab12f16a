"""Runs a build's commands in an OCI runtime (build/executor.py's protocol), without a monitor: the caller sees them to their end.

A command dies with its caller, however that ends: the runtime is PID 1 of a pid namespace of its own and gets a parent-death signal.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator

from cais import decoding, durable, proc
from cais.build.executor import RunRequest
from cais.engine.native import oci
from cais.engine.native.buildspec import configure, mount_points
from cais.engine.native.mountpoints import present
from cais.engine.native.runtime import Runtime, choose
from cais.errors import HostError
from cais.linux.namespaces import Apart
from cais.linux.users import identify_in
from cais.locations import Locations

# The runtime sees a /proc of its own pid namespace.
_ENTRY = 'mount -t proc proc /proc || exit 125; exec "$@"'
_NOT_FOUND = ("no such file or directory", "not found")


class NativeBuildExecutor:
    """Runs build commands with crun or runc."""

    def __init__(self, locations: Locations) -> None:
        self._folder = os.path.join(locations.run, "build")
        self._locations = locations
        self._swept = False

    def run(self, request: RunRequest, on_output: Callable[[bytes], None]) -> int:
        """Run to the end; see BuildExecutor.run. Raises CaisError when the command could not be started for a reason of the machine."""
        with self._bundle(request, terminal=False) as (runtime, bundle):
            returncode = _stream(_command(runtime, bundle), request.stdin, on_output, runtime.without)
            return _exit_code(returncode, os.path.join(bundle, "log"))

    def interact(self, request: RunRequest) -> int:
        """On the caller's terminal; see BuildExecutor.interact."""
        terminal = os.isatty(0) and os.isatty(1)
        with self._bundle(request, terminal=terminal) as (runtime, bundle):
            command = _command(runtime, bundle)
            # With a terminal the runtime makes one inside, and copies.
            apart = Apart(
                lambda: proc.start(command, stdin=0, stdout=1, stderr=2).wait(), without=runtime.without, new_pids=True
            )
            return _exit_code(apart.result(), os.path.join(bundle, "log"))

    @contextlib.contextmanager
    def _bundle(self, request: RunRequest, *, terminal: bool) -> Iterator[tuple[Runtime, str]]:
        runtime = choose(self._locations)
        self._sweep(runtime)
        with _bundle(self._folder) as bundle:
            config = configure(request, bundle, identify_in(request.root, request.user), terminal=terminal)
            durable.write(os.path.join(bundle, "config.json"), oci.encode(config), sync=False)
            with present(request.root, mount_points(config.mounts)):
                yield runtime, bundle

    def sweep(self) -> None:
        """Take away what killed builds left; a bundle whose lock is free belongs to nobody."""
        if os.path.isdir(self._folder) and os.listdir(self._folder):
            self._sweep(choose(self._locations))

    def _sweep(self, runtime: Runtime) -> None:
        if self._swept or not os.path.isdir(self._folder):
            return
        self._swept = True
        with durable.locked(_birth_lock(self._folder)):
            for entry in os.scandir(self._folder):
                lock = durable.try_lock(os.path.join(entry.path, "lock")) if entry.is_dir() else None
                if lock is not None:
                    try:
                        _discard(runtime, entry.path)
                    finally:
                        os.close(lock)


def _birth_lock(parent: str) -> str:
    """Held while a bundle in `parent` is made and locked: without its lock it would be taken for a killed build's."""
    return f"{parent}.lock"


@contextlib.contextmanager
def _bundle(parent: str) -> Iterator[str]:
    import shutil

    os.makedirs(parent, mode=0o700, exist_ok=True)
    folder = os.path.join(parent, f"build-{os.urandom(6).hex()}")
    with contextlib.ExitStack() as held:
        with durable.locked(_birth_lock(parent)):
            os.mkdir(folder, 0o700)
            held.enter_context(durable.locked(os.path.join(folder, "lock")))
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


def _discard(runtime: Runtime, folder: str) -> None:
    import shutil

    name = os.path.basename(folder)
    command = proc.Command(argv=(*_arguments(runtime, folder), "delete", "--force", name))
    runtime.apart(lambda: proc.run(command))  # it fails when there is nothing to delete, which is as good
    shutil.rmtree(folder, ignore_errors=True)


def _arguments(runtime: Runtime, bundle: str) -> tuple[str, ...]:
    cgroups = ("--cgroup-manager=disabled",) if runtime.name == "crun" else ()
    return (runtime.program, *cgroups, "--root", os.path.join(bundle, "state"))


def _command(runtime: Runtime, bundle: str) -> proc.Command:
    log = os.path.join(bundle, "log")
    return proc.Command(
        argv=(
            *("setpriv", "--pdeathsig", "KILL", "sh", "-c", _ENTRY, "sh"),
            *_arguments(runtime, bundle),
            *("--log", log, "--log-format", "json"),
            *("run", "--bundle", bundle, os.path.basename(bundle)),
        ),
        install_hint="apt-get install util-linux",
    )


def _stream(
    command: proc.Command, stdin: bytes | None, on_output: Callable[[bytes], None], without: tuple[str, ...]
) -> int:
    reader, writer = os.pipe2(os.O_CLOEXEC)
    started: list[subprocess.Popen[bytes]] = []
    abandoned: list[bool] = []

    def work() -> int:
        # The parent-death signal comes when this thread ends, so it must see the process to its end.
        with _input(stdin) as source:
            try:
                process = proc.start(command, stdin=source, stdout=writer, stderr=subprocess.STDOUT, new_session=True)
            finally:
                os.close(writer)
        started.append(process)
        if abandoned:
            process.kill()
        return process.wait()

    apart = Apart(work, without=without, new_pids=True)
    try:
        while chunk := os.read(reader, 65536):
            on_output(chunk)
        return apart.result()
    except BaseException:
        abandoned.append(True)
        for process in started:
            process.kill()
        apart.result()
        raise
    finally:
        os.close(reader)


@contextlib.contextmanager
def _input(data: bytes | None) -> Iterator[int | None]:
    if data is None:
        yield None
        return
    fd = os.memfd_create("stdin", os.MFD_CLOEXEC)
    with os.fdopen(fd, "w+b") as stream:
        stream.write(data)
        stream.seek(0)
        yield stream.fileno()


def _exit_code(returncode: int, log: str) -> int:
    message = _runtime_error(log)
    if message and returncode != 0:
        if any(words in message.lower() for words in _NOT_FOUND) and "exec" in message.lower():
            return 127  # the runtime's message is in the output already
        raise HostError("the command could not be started", details=[message])
    return returncode if returncode >= 0 else 128 - returncode


def _runtime_error(log: str) -> str:
    import msgspec

    if not os.path.exists(log):
        return ""
    lines: list[str] = []
    with open(log, "rb") as stream:
        for line in stream:
            with contextlib.suppress(msgspec.DecodeError):  # cut short by a crash
                entry = decoding.decode(line, dict[str, str])
                if entry.get("level") == "error":
                    lines.append(entry.get("msg", ""))
    return "\n".join(lines)
