"""An Engine in memory: no processes, a hand-moved clock, exits and probes as the test scripts them.

It keeps the promises of `engine/protocol.py` that callers lean on: states, counters, conflicts, idempotence, `manually_stopped`,
dependencies between containers, networks and volumes. What a test steers is in `Script`; what was asked is in `calls`.
"""

import threading
from collections.abc import Callable, Iterator, Mapping

import msgspec

from cais.engine.details import Captured
from cais.engine.protocol import (
    ContainerSpec,
    ContainerState,
    ExecSpec,
    Health,
    LogLine,
    MountKind,
    NetworkSpec,
    NetworkState,
    PortSpec,
    ProbeResult,
    State,
    StopOutcome,
    VolumeSpec,
    VolumeState,
)
from cais.errors import Conflict, NotFoundError, PortInUse
from tests.fakes.clock import FakeClock

FIRST_PID = 5_000_000
FIRST_FREE_PORT = 32_768

Replace = msgspec.structs.replace


class Script:
    """How the containers of one name behave; every field may be changed at any time.

    `dies` holds one (exit code, seconds after the start) for each coming start, used up in order; a start without one runs on.
    `healthy_after_s`: probes fail until a run is that old; `probe` replaces that by a function from (argv, age of the run) to (exit code, output).
    `stop_takes_s`, `stop_exit_code`, `ignores_stop`: how the stop signal is taken. `execute` answers `Engine.execute`.
    """

    def __init__(self) -> None:
        self.dies: list[tuple[int, float]] = []
        self.healthy_after_s = 0.0
        self.probe: Callable[[tuple[str, ...], float], tuple[int, str]] | None = None
        self.probe_takes_s = 0.0
        self.stop_takes_s = 0.0
        self.stop_exit_code = 0
        self.ignores_stop = False
        self.execute: Callable[[ExecSpec], int] = lambda _spec: 0


class FakeEngine:
    """The whole protocol; `clock` is moved by the test. Safe to call from several threads."""

    def __init__(self, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.calls: list[str] = []
        self.armed: set[str] = set()
        self._lock = threading.RLock()
        self._containers: dict[str, ContainerState] = {}
        self._networks: dict[str, NetworkState] = {}
        self._volumes: dict[str, VolumeState] = {}
        self._anonymous: dict[str, tuple[str, ...]] = {}
        self._logs: dict[str, list[LogLine]] = {}
        self._scripts: dict[str, Script] = {}
        self._failures: dict[tuple[str, str], list[Exception]] = {}
        self._listeners: list[Callable[[str, int], None]] = []
        self._counter = 0

    # --- what tests steer ------------------------------------------------------------------------------------------

    def script(self, name: str) -> Script:
        """The behaviour of containers named `name`."""
        return self._scripts.setdefault(name, Script())

    def fail(self, method: str, name: str, error: Exception, *, times: int = 1) -> None:
        """Let the next `times` calls of `method` for the thing named `name` raise `error`."""
        self._failures.setdefault((method, name), []).extend([error] * times)

    def on_exit(self, listener: Callable[[str, int], None]) -> None:
        """Call `listener(container id, pid)` whenever a process ends."""
        self._listeners.append(listener)

    def exit(self, name: str, exit_code: int, *, oom_killed: bool = False) -> None:
        """The container's process ends by itself."""
        with self._lock:
            self._end(self._need(name).id, exit_code, oom_killed=oom_killed)

    def write(self, name: str, text: str, *, stream: str = "stdout") -> None:
        """The container's process writes a line."""
        with self._lock:
            self._logs[self._need(name).id].append(LogLine(self.clock.now(), stream, text))

    def forget_calls(self) -> None:
        """Start `calls` anew."""
        self.calls.clear()

    def set(self, name: str, **changes: object) -> None:
        """Change fields of a container's state behind the callers' back (another command, a reboot)."""
        with self._lock:
            state = self._need(name)
            self._containers[state.id] = Replace(state, **changes)

    # --- networks and volumes --------------------------------------------------------------------------------------

    def ensure_network(self, spec: NetworkSpec) -> NetworkState:
        with self._lock:
            self._called("ensure_network", spec.name)
            if spec.name not in self._networks:
                index = len(self._networks)
                subnet, gateway = spec.subnet or f"10.210.{index}.0/24", spec.gateway or f"10.210.{index}.1"
                self._networks[spec.name] = NetworkState(
                    spec=spec, subnet=subnet, gateway=gateway, bridge=f"cais{index}"
                )
            return self._networks[spec.name]

    def remove_network(self, name: str) -> None:
        with self._lock:
            self._called("remove_network", name)
            users = [s.name for s in self._containers.values() if name in {e.network for e in s.spec.endpoints}]
            if users:
                raise Conflict(f'network "{name}" is used by "{users[0]}"', hint="remove its containers first")
            self._networks.pop(name, None)

    def ensure_volume(self, spec: VolumeSpec) -> VolumeState:
        with self._lock:
            self._called("ensure_volume", spec.name)
            made = VolumeState(spec=spec, path=f"/fake/volumes/{spec.name}", created_at=self.clock.now())
            return self._volumes.setdefault(spec.name, made)

    def remove_volume(self, name: str) -> None:
        with self._lock:
            self._called("remove_volume", name)
            for state in self._containers.values():
                if name in {m.source for m in state.spec.mounts if m.kind is MountKind.VOLUME}:
                    raise Conflict(f'volume "{name}" is used by "{state.name}"', hint="remove the container first")
            self._volumes.pop(name, None)

    def networks(self, project: str | None = None) -> tuple[NetworkState, ...]:
        with self._lock:
            found = [n for n in self._networks.values() if project in (None, n.spec.project)]
            return tuple(sorted(found, key=lambda n: n.spec.name))

    def volumes(self, project: str | None = None) -> tuple[VolumeState, ...]:
        with self._lock:
            found = [v for v in self._volumes.values() if project in (None, v.spec.project)]
            return tuple(sorted(found, key=lambda v: v.spec.name))

    # --- the life of a container -----------------------------------------------------------------------------------

    def create(self, spec: ContainerSpec) -> ContainerState:
        with self._lock:
            self._called("create", spec.name)
            if any(state.name == spec.name for state in self._containers.values()):
                raise Conflict(f'container name "{spec.name}" is taken', hint="remove or rename that container")
            for endpoint in spec.endpoints:
                if endpoint.network not in self._networks:
                    raise NotFoundError(f'network "{endpoint.network}" does not exist')
            container_id = f"{self._count():012x}" + "c" * 52
            state = ContainerState(
                id=container_id,
                spec=spec,
                state=State.CREATED,
                created_at=self.clock.now(),
                addresses=self._addresses(spec),
                ports=tuple(self._bind(port) for port in spec.ports),
                health=Health.NONE,
            )
            self._containers[container_id] = state
            self._logs[container_id] = []
            self._anonymous[container_id] = tuple(self._anonymous_volumes(spec))
            return state

    def arm(self, container_id: str) -> bool:
        with self._lock:
            state = self._need(container_id)
            self._called("arm", state.name)
            if state.state is not State.CREATED:
                return False
            self.armed.add(state.name)
            return True

    def disarm(self, container_id: str) -> None:
        with self._lock:
            state = self.container(container_id)
            self._called("disarm", state.name if state else container_id)
            self.armed.discard(state.name if state else "")

    def start(self, container_id: str, *, automatic: bool = False) -> ContainerState:
        with self._lock:
            state = self._need(container_id)
            self._called("start", state.name)
            self.armed.discard(state.name)
            if state.pid or (automatic and state.manually_stopped):
                return state
            started = Replace(
                state,
                state=State.RUNNING,
                pid=FIRST_PID + self._count(),
                started_at=self.clock.now(),
                finished_at=0.0,
                exit_code=0,
                oom_killed=False,
                exit_reason="",
                manually_stopped=False,
                restart_count=state.restart_count if automatic else 0,
                health=Health.STARTING if state.spec.probe else Health.NONE,
                failing_streak=0,
                last_probe=None,
            )
            self._containers[state.id] = started
            self._plan_death(started)
            return self._containers[state.id]

    def _plan_death(self, started: ContainerState) -> None:
        dies = self.script(started.name).dies
        if not dies:
            return
        exit_code, after_s = dies.pop(0)
        if after_s <= 0:
            self._end(started.id, exit_code)
        else:
            moment = self.clock.monotonic() + after_s
            self.clock.at(moment, lambda: self._end(started.id, exit_code, pid=started.pid))

    def stop(self, container_id: str, *, timeout_s: float | None = None, manual: bool = True) -> StopOutcome:
        with self._lock:
            state = self._need(container_id)
            self._called("stop", state.name)
            script = self.script(state.name)
            shown = State.EXITED if manual and state.state is State.RESTARTING else state.state
            self._containers[state.id] = Replace(state, manually_stopped=manual or state.manually_stopped, state=shown)
            signal = state.spec.stop_signal or "SIGTERM"
            if not state.pid:
                return StopOutcome(exit_code=state.exit_code, elapsed_s=0.0, signal=signal)
            grace = state.spec.stop_grace_period_s if timeout_s is None else timeout_s
            killed = script.ignores_stop or script.stop_takes_s > grace
            exit_code = 137 if killed else script.stop_exit_code
            self._end(state.id, exit_code)
            return StopOutcome(
                exit_code=exit_code,
                elapsed_s=grace if killed else script.stop_takes_s,
                signal=signal,
                killed=killed,
                ignored_by="sh" if killed else "",
            )

    def kill(self, container_id: str, signal: str = "SIGKILL") -> None:
        with self._lock:
            state = self._need(container_id)
            self._called("kill", state.name)
            if not state.pid:
                raise Conflict(f'container "{state.name}" is not running')
            if signal in ("SIGKILL", "KILL", "9"):
                self._end(state.id, 137)

    def remove(self, container_id: str, *, force: bool = False, volumes: bool = False) -> None:
        with self._lock:
            state = self.container(container_id)
            self._called("remove", state.name if state else container_id)
            if state is None:
                return
            if state.pid and not force:
                raise Conflict(f'container "{state.name}" is running', hint="stop it first")
            if state.pid:
                self._end(state.id, 137)
            del self._containers[state.id]
            self.armed.discard(state.name)
            del self._logs[state.id]
            for volume in self._anonymous.pop(state.id):
                if volumes:
                    self._volumes.pop(volume, None)

    def rename(self, container_id: str, name: str) -> None:
        with self._lock:
            state = self._need(container_id)
            self._called("rename", state.name)
            if any(other.name == name and other.id != state.id for other in self._containers.values()):
                raise Conflict(f'container name "{name}" is taken')
            self._containers[state.id] = Replace(state, spec=Replace(state.spec, name=name))

    def settle(self, container_id: str) -> ContainerState:
        with self._lock:
            state = self._need(container_id)
            self._called("settle", state.name)
            return self._containers[state.id]

    def container(self, name_or_id: str) -> ContainerState | None:
        with self._lock:
            for state in self._containers.values():
                if name_or_id in (state.name, state.id):
                    return state
            matches = [s for s in self._containers.values() if name_or_id and s.id.startswith(name_or_id)]
            return matches[0] if len(matches) == 1 else None

    def containers(self, project: str | None = None) -> tuple[ContainerState, ...]:
        with self._lock:
            found = [s for s in self._containers.values() if project in (None, s.spec.project)]
            return tuple(sorted(found, key=lambda s: s.name))

    # --- what the supervisor records -------------------------------------------------------------------------------

    def record_health(self, container_id: str, health: Health, failing_streak: int, probe: ProbeResult | None) -> None:
        with self._lock:
            state = self._need(container_id)
            self._called("record_health", state.name)
            self._containers[state.id] = Replace(
                state, health=health, failing_streak=failing_streak, last_probe=probe or state.last_probe
            )

    def record_restart(self, container_id: str, restart_count: int, *, waiting: bool) -> None:
        with self._lock:
            state = self._need(container_id)
            self._called("record_restart", state.name)
            shown = state.state
            if not state.pid and state.state is not State.CREATED:
                shown = State.RESTARTING if waiting else State.EXITED
            self._containers[state.id] = Replace(state, restart_count=restart_count, state=shown)

    # --- running commands and reading ------------------------------------------------------------------------------

    def probe(self, container_id: str, argv: tuple[str, ...], timeout_s: float) -> ProbeResult:
        with self._lock:
            state = self._need(container_id)
            self._called("probe", state.name)
            script, began = self.script(state.name), self.clock.now()
            age_s = began - state.started_at
            if script.probe is not None:
                exit_code, output = script.probe(argv, age_s)
            else:
                exit_code, output = (0, "ok") if age_s >= script.healthy_after_s else (1, "not yet")
            return ProbeResult(began=began, ended=began + script.probe_takes_s, exit_code=exit_code, output=output)

    def execute(self, container_id: str, spec: ExecSpec) -> int:
        state = self._need(container_id)
        self._called("execute", state.name)
        if not state.pid:
            raise Conflict(f'container "{state.name}" is not running')
        return self.script(state.name).execute(spec)

    def capture(self, container_id: str, spec: ExecSpec) -> Captured:
        code = self.execute(container_id, spec)
        return Captured(exit_code=code, output=f"{spec.argv[0]} said {code}\n")

    def attach(self, container_id: str) -> int:
        state = self._need(container_id)
        self._called("attach", state.name)
        return state.exit_code

    def run_attached(self, container_id: str) -> int:
        self.start(container_id)
        return self.attach(container_id)

    def logs(
        self, container_id: str, *, tail: int | None = None, since: float | None = None, until: float | None = None
    ) -> Iterator[LogLine]:
        with self._lock:
            lines = list(self._logs[self._need(container_id).id])
        kept = [line for line in lines if (since is None or line.at >= since) and (until is None or line.at <= until)]
        yield from kept if tail is None else kept[max(0, len(kept) - tail) :]

    def follow(
        self, container_id: str, *, tail: int | None = None, since: float | None = None
    ) -> Iterator[LogLine | None]:
        state = self._need(container_id)
        seen = len(self._logs[state.id])
        yield from self.logs(state.id, tail=tail, since=since)
        while (current := self.container(state.id)) is not None:
            fresh = self._logs[state.id][seen:]
            seen += len(fresh)
            yield from fresh
            if not fresh and not current.pid:
                return
            if not fresh:
                yield None

    def processes(self, container_id: str) -> tuple[int, ...]:
        pid = self._need(container_id).pid
        return (pid,) if pid else ()

    # --- inside ----------------------------------------------------------------------------------------------------

    def _called(self, method: str, name: str) -> None:
        self.calls.append(f"{method} {name}")
        waiting = self._failures.get((method, name))
        if waiting:
            raise waiting.pop(0)

    def _count(self) -> int:
        self._counter += 1
        return self._counter

    def _need(self, name_or_id: str) -> ContainerState:
        state = self.container(name_or_id)
        if state is None:
            raise NotFoundError(f'container "{name_or_id}" does not exist')
        return state

    def _end(self, container_id: str, exit_code: int, *, oom_killed: bool = False, pid: int | None = None) -> None:
        """The process (run `pid`, if given) is gone; a planned death of an earlier run or a removed container is nothing."""
        state = self._containers.get(container_id)
        if state is None or not state.pid or pid not in (None, state.pid):
            return
        self._containers[container_id] = Replace(
            state,
            state=State.EXITED,
            pid=0,
            finished_at=self.clock.now(),
            exit_code=exit_code,
            oom_killed=oom_killed,
            exit_reason="out of memory" if oom_killed else "",
        )
        for listener in self._listeners:
            listener(container_id, state.pid)

    def _addresses(self, spec: ContainerSpec) -> Mapping[str, str]:
        return {
            e.network: e.ipv4_address or f"{self._networks[e.network].gateway.rsplit('.', 1)[0]}.{self._count() + 1}"
            for e in spec.endpoints
        }

    def _bind(self, port: PortSpec) -> PortSpec:
        taken = {(p.protocol, p.host_port): s.name for s in self._containers.values() for p in s.ports}
        if not port.host_port:
            free = FIRST_FREE_PORT
            while (port.protocol, free) in taken:
                free += 1
            return Replace(port, host_port=free)
        if owner := taken.get((port.protocol, port.host_port)):
            raise PortInUse(f'port {port.host_port} is taken by container "{owner}"', port=port.host_port)
        return port

    def _anonymous_volumes(self, spec: ContainerSpec) -> Iterator[str]:
        for mount in spec.mounts:
            if mount.kind is MountKind.VOLUME and not mount.source:
                name = f"{self._count():064x}"
                self._volumes[name] = VolumeState(
                    spec=VolumeSpec(name=name, project=spec.project),
                    path=f"/fake/volumes/{name}",
                    created_at=self.clock.now(),
                )
                yield name
