"""An engine whose containers are plain processes that outlive their starter, as under conmon: for tests that kill a supervisor."""

import contextlib
import fcntl
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator

import msgspec

from cais.engine.protocol import ContainerSpec, ContainerState, Health, ProbeResult, State, StopOutcome
from tests.fakes.clock import FakeClock
from tests.fakes.engine import FakeEngine

# Keeps the exit status of its child in a file, as conmon does. $0 is the path stem, $1 the command.
MONITOR = 'sh -c "exec $1" & echo $! > "$0.pid.new"; mv "$0.pid.new" "$0.pid"; wait $!; echo $? > "$0.exit.new"; mv "$0.exit.new" "$0.exit"'

DECODER = msgspec.json.Decoder(dict[str, ContainerState])


class RealClock(FakeClock):
    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


class ProcessEngine(FakeEngine):
    """State is kept in `folder`, shared by all processes that open it. The container's command is a shell line."""

    def __init__(self, folder: str) -> None:
        super().__init__(RealClock())
        self._folder = folder
        self._local = threading.local()

    @property
    def _inside(self) -> bool:
        """Whether this thread is in a `_shared` block."""
        return getattr(self._local, "inside", False)

    @contextlib.contextmanager
    def _shared(self) -> Iterator[None]:
        """The state as all processes see it, theirs alone within the block."""
        path = os.path.join(self._folder, "state.json")
        with self._lock, open(path, "a+b") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            stream.seek(0)
            self._containers = DECODER.decode(stream.read() or b"{}")
            self._local.inside = True
            for container_id in self._containers:
                self._reap(container_id)
            try:
                yield
            finally:
                self._local.inside = False
                stream.truncate(0)
                stream.write(msgspec.json.encode(self._containers))

    def _stem(self, container_id: str) -> str:
        return os.path.join(self._folder, container_id[:12])

    def _reap(self, container_id: str) -> None:
        try:
            with open(self._stem(container_id) + ".exit") as stream:
                exit_code = int(stream.read())
        except FileNotFoundError:
            return
        self._end(container_id, exit_code)

    def create(self, spec: ContainerSpec) -> ContainerState:
        with self._shared():
            return super().create(spec)

    def start(self, container_id: str, *, automatic: bool = False) -> ContainerState:
        with self._shared():
            state = self._need(container_id)
            if state.pid or (automatic and state.manually_stopped):
                return state
            stem = self._stem(container_id)
            for end in (".pid", ".exit"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(stem + end)
            super().start(container_id, automatic=automatic)
            command = " ".join(state.spec.command or ())
            monitor = subprocess.Popen(["/bin/sh", "-c", MONITOR, stem, command], start_new_session=True)
            monitor.returncode = 0
            while not os.path.exists(stem + ".pid"):
                time.sleep(0.001)
            with open(stem + ".pid") as stream:
                self.set(state.name, pid=int(stream.read()))
            return self._need(container_id)

    def stop(self, container_id: str, *, timeout_s: float | None = None, manual: bool = True) -> StopOutcome:
        with self._shared():
            state = self._need(container_id)
            self.set(state.name, manually_stopped=manual)
        if state.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(state.pid, signal.SIGKILL)
        return StopOutcome(exit_code=137, elapsed_s=0.0, signal="SIGKILL")

    def settle(self, container_id: str) -> ContainerState:
        with self._shared():
            return self._need(container_id)

    def container(self, name_or_id: str) -> ContainerState | None:
        if self._inside:
            return super().container(name_or_id)
        with self._shared():
            return super().container(name_or_id)

    def containers(self, project: str | None = None) -> tuple[ContainerState, ...]:
        with self._shared():
            return super().containers(project)

    def record_health(self, container_id: str, health: Health, failing_streak: int, probe: ProbeResult | None) -> None:
        with self._shared():
            super().record_health(container_id, health, failing_streak, probe)

    def record_restart(self, container_id: str, restart_count: int, *, waiting: bool) -> None:
        with self._shared():
            super().record_restart(container_id, restart_count, waiting=waiting)

    def probe(self, container_id: str, argv: tuple[str, ...], timeout_s: float) -> ProbeResult:
        began = time.time()
        done = subprocess.run(argv, capture_output=True, timeout=timeout_s, check=False)
        return ProbeResult(began=began, ended=time.time(), exit_code=done.returncode, output=done.stdout.decode())

    def state_of(self, name: str) -> ContainerState:
        state = self.container(name)
        assert state is not None
        return state

    def is_running(self, name: str) -> bool:
        return self.state_of(name).state is State.RUNNING
