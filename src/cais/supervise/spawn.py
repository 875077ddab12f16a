"""Makes sure that a project has a supervisor. Used by commands: no asyncio here."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Mapping, Sequence

from cais.errors import HostError
from cais.locations import Locations
from cais.supervise.channel import Client, connect, project_paths

READY_FD = "CAIS_READY_FD"  # names the pipe on which a supervisor says that it listens
INHERITED = ("PYTHONPATH", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "TMPDIR", "TZ", "SSL_CERT_FILE")
PATIENCE_S = 10.0
CONTENTION_S = 0.005  # between two tries, when another supervisor is about to begin or to end
LOG_TAIL_LINES = 10


def ready_fd(environ: Mapping[str, str]) -> int | None:
    """The pipe given by the command that started this supervisor; to be handed to `serve`."""
    text = environ.get(READY_FD, "")
    return int(text) if text.isdecimal() else None


class Spawned:
    """A supervisor on its way, or one that was there. `client` waits for it; until then the caller does other work."""

    def __init__(self, locations: Locations, project: str, argv: Sequence[str]) -> None:
        self._locations = locations
        self._project = project
        self._argv = tuple(argv)
        self._client = connect(locations, project)
        self._pipe: int | None = None
        if self._client is None:
            self._pipe = self._start()

    def client(self, timeout_s: float = PATIENCE_S) -> Client:
        """A client of the supervisor as soon as it answers. Raises HostError when there is none within `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while self._client is None:
            if self._pipe is None:
                self._pipe = self._start()
            self._await_ready(deadline)
            self._client = connect(self._locations, self._project)
            if self._client is None:
                self._give_up_after(deadline)
                time.sleep(CONTENTION_S)
        client, self._client = self._client, None
        return client

    def _start(self) -> int:
        """Start a detached process; the read end of its pipe."""
        from cais import proc

        paths = project_paths(self._locations, self._project)
        os.makedirs(paths.folder, mode=0o700, exist_ok=True)
        read, write = os.pipe2(os.O_CLOEXEC)
        log = os.open(paths.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            command = proc.Command(argv=self._argv, env=self._environment(write), cwd="/", pass_fds=(write,))
            process = proc.start(command, stdout=log, stderr=log, new_session=True)
        except BaseException:
            os.close(read)
            raise
        finally:
            os.close(write)
            os.close(log)
        _disown(process)
        return read

    def _environment(self, pipe: int) -> dict[str, str]:
        kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
        places = self._locations
        own = {"CAIS_ROOT": places.root, "CAIS_RUN": places.run, "CAIS_RUNTIME": places.runtime, READY_FD: str(pipe)}
        return {**kept, **own, "MALLOC_ARENA_MAX": "2"}  # many threads that do little need no heap each

    def _await_ready(self, deadline: float) -> None:
        """Until the supervisor says that it listens, or is gone (another was quicker, or it failed)."""
        assert self._pipe is not None
        select.select([self._pipe], [], [], max(0.0, deadline - time.monotonic()))
        os.close(self._pipe)
        self._pipe = None

    def _give_up_after(self, deadline: float) -> None:
        if time.monotonic() < deadline:
            return
        log = project_paths(self._locations, self._project).log
        with open(log, encoding="utf-8", errors="replace") as stream:
            lines = stream.read().splitlines()[-LOG_TAIL_LINES:]
        raise HostError(f'the supervisor of project "{self._project}" does not start', hint=f"see {log}", details=lines)


def _disown(process: subprocess.Popen[bytes]) -> None:
    """Popen warns of a child that is not waited for. This one is meant to outlive us."""
    process.returncode = 0


def ensure(locations: Locations, project: str, argv: Sequence[str]) -> Client:
    """A client of the project's supervisor, which is started with `argv` (a command line that runs `serve`) unless it lives."""
    return Spawned(locations, project, argv).client()
