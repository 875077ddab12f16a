"""The native engine: containers on an OCI runtime, conmon and overlayfs, with no daemon.

Only what `ps` and `exec` need is imported here; the rest comes with the method that needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from cais.clock import Clock
from cais.database import Database
from cais.engine.details import Captured
from cais.engine.native.netprotocol import Networking
from cais.engine.native.observe import is_running, state_of
from cais.engine.native.parts import Parts
from cais.engine.native.records import Record, Records
from cais.engine.protocol import (
    ContainerSpec,
    ContainerState,
    ExecSpec,
    Health,
    LogLine,
    NetworkSpec,
    NetworkState,
    ProbeResult,
    StopOutcome,
    VolumeSpec,
    VolumeState,
)
from cais.errors import Conflict
from cais.events import EventSink, NullSink
from cais.locations import Locations

if TYPE_CHECKING:
    from cais.images.protocol import ImageStore


class NativeEngine:
    """Implements `engine.protocol.Engine`. Safe to use from several threads and processes. Warnings go to `events`.

    `images` and `networking` give the store and the networks, always the same; they are asked when these are needed.
    """

    def __init__(
        self,
        locations: Locations,
        database: Database,
        images: Callable[[], ImageStore],
        networking: Callable[[], Networking],
        clock: Clock,
        events: EventSink | None = None,
    ) -> None:
        self._records = Records(database)
        self._parts = Parts(
            locations=locations,
            records=self._records,
            images=images,
            networking=networking,
            clock=clock,
            events=events or NullSink(),
        )

    # --- networks and volumes --------------------------------------------------------------------------------------

    def ensure_network(self, spec: NetworkSpec) -> NetworkState:
        """Create the network unless it is there."""
        return self._parts.networking.ensure_network(spec)

    def remove_network(self, name: str) -> None:
        """Remove a network. Raises Conflict while containers are on it."""
        for record in self._records.containers():
            if any(endpoint.network == name for endpoint in record.spec.endpoints):
                raise Conflict(
                    f'network "{name}" is in use by container "{record.name}"', hint="remove the container first"
                )
        self._parts.networking.remove_network(name)

    def networks(self, project: str | None = None) -> tuple[NetworkState, ...]:
        """All networks (of a project), by name."""
        return tuple(one for one in self._parts.networking.networks() if project in (None, one.spec.project))

    def ensure_volume(self, spec: VolumeSpec) -> VolumeState:
        """Create the volume unless it is there."""
        return self._parts.volumes.ensure(spec)

    def remove_volume(self, name: str) -> None:
        """Remove a volume and its data. Raises Conflict while a container uses it."""
        self._parts.volumes.remove(name)

    def volumes(self, project: str | None = None) -> tuple[VolumeState, ...]:
        """All volumes (of a project), by name."""
        return self._parts.volumes.all(project)

    # --- the life of a container -----------------------------------------------------------------------------------

    def create(self, spec: ContainerSpec) -> ContainerState:
        """Create a container. Raises Conflict when the name is taken."""
        from cais.engine.native.lifecycle import create

        return self._state(create(self._parts, spec))

    def arm(self, container_id: str) -> bool:
        """Do all of a first start but its last step; see Engine.arm."""
        from cais.engine.native.ahead import arm

        return arm(self._parts, container_id)

    def disarm(self, container_id: str) -> None:
        """Undo `arm`; see Engine.disarm."""
        from cais.engine.native.ahead import disarm

        disarm(self._parts, container_id)

    def start(self, container_id: str, *, automatic: bool = False) -> ContainerState:
        """Start a created or exited container; see Engine.start."""
        from cais.engine.native.lifecycle import start

        return self._state(start(self._parts, container_id, automatic=automatic))

    def stop(self, container_id: str, *, timeout_s: float | None = None, manual: bool = True) -> StopOutcome:
        """Stop signal, grace period, SIGKILL; see Engine.stop."""
        from cais.engine.native.stop import stop

        return stop(self._parts, container_id, timeout_s=timeout_s, manual=manual)

    def kill(self, container_id: str, signal: str = "SIGKILL") -> None:
        """Send `signal` to PID 1 of the container."""
        from cais.engine.native.stop import kill

        kill(self._parts, container_id, signal)

    def remove(self, container_id: str, *, force: bool = False, volumes: bool = False) -> None:
        """Remove a container; see Engine.remove."""
        from cais.engine.native.lifecycle import remove

        remove(self._parts, container_id, force=force, volumes=volumes)

    def rename(self, container_id: str, name: str) -> None:
        """Give a container another name."""
        from cais.engine.native.lifecycle import aliases

        with self._parts.locked(container_id):
            record = self._records.rename(container_id, name)
            if record.spec.endpoints and not record.life.unpublished:
                names = {endpoint.network: endpoint.aliases for endpoint in aliases(record)}
                self._parts.networking.set_names(container_id, names)

    def settle(self, container_id: str) -> ContainerState:
        """Record what became of a container whose process ended; safe to call at any time."""
        from cais.engine.native.lifecycle import settle

        return self._state(settle(self._parts, container_id))

    def repair(self) -> tuple[str, ...]:
        """Finish or undo what killed processes left, and sweep what belongs to no record; what was done, in words."""
        from cais.engine.native.repair import repair

        return repair(self._parts)

    # --- what is there ---------------------------------------------------------------------------------------------

    def container(self, name_or_id: str) -> ContainerState | None:
        """One container by name, id or unique id prefix; None when there is none."""
        record = self._records.find(name_or_id)
        return None if record is None else self._state(record)

    def containers(self, project: str | None = None) -> tuple[ContainerState, ...]:
        """All containers (of a project), by name. Never says running of a process that is gone."""
        return tuple(self._state(record) for record in self._records.containers(project))

    def processes(self, container_id: str) -> tuple[int, ...]:
        """Host pids of the container's processes, PID 1 first."""
        from cais.engine.native.cgroup import pids

        record = self._records.need(container_id)
        return pids(record.id, record.life.pid, record.spec.cgroup_parent) if is_running(record) else ()

    def record_health(self, container_id: str, health: Health, failing_streak: int, probe: ProbeResult | None) -> None:
        """Keep what the supervisor learned of a container's health."""
        self._records.change(container_id, health=health, failing_streak=failing_streak, last_probe=probe)

    def record_restart(self, container_id: str, restart_count: int, *, waiting: bool) -> None:
        """Keep the restart count; `waiting` shows the container as restarting during the back-off."""
        self._records.change(container_id, restart_count=restart_count, waiting=waiting)

    # --- inside and output -----------------------------------------------------------------------------------------

    def probe(self, container_id: str, argv: tuple[str, ...], timeout_s: float) -> ProbeResult:
        """Run one health check inside the container; never raises for the check's own failure."""
        from cais.engine.native.probe import probe

        return probe(self._parts, self._records.need(container_id), argv, timeout_s)

    def execute(self, container_id: str, spec: ExecSpec) -> int:
        """Run a command on the caller's streams; its exit code (126 and 127 as Docker)."""
        from cais.engine.native.execute import execute

        return execute(self._parts, self._records.need(container_id), spec)

    def capture(self, container_id: str, spec: ExecSpec) -> Captured:
        """Run a command inside without input and to its end; see Engine.capture."""
        from cais.engine.native.probe import capture

        return capture(self._parts, self._records.need(container_id), spec)

    def attach(self, container_id: str) -> int:
        """Connect the caller's terminal or streams to PID 1 until it ends; its exit code."""
        from cais.engine.native.attach import attach

        attach(self._parts, self._records.need(container_id))
        return self.settle(container_id).exit_code

    def run_attached(self, container_id: str) -> int:
        """Start with the caller's terminal or streams connected from the first byte; the exit code of PID 1."""
        from cais.engine.native import attach, lifecycle

        record = self._records.need(container_id)
        attach.run(
            self._parts,
            record,
            lambda on_ready: lifecycle.start(self._parts, record.id, automatic=False, on_ready=on_ready),
        )
        return self.settle(container_id).exit_code

    def logs(
        self, container_id: str, *, tail: int | None = None, since: float | None = None, until: float | None = None
    ) -> Iterator[LogLine]:
        """What the container wrote so far, oldest first."""
        from cais.engine.native.logs import read

        record = self._records.need(container_id)
        return read(self._parts.folder(record.id).log, tail=tail, since=since, until=until)

    def follow(
        self, container_id: str, *, tail: int | None = None, since: float | None = None
    ) -> Iterator[LogLine | None]:
        """Like `logs`, then goes on; yields None when there is nothing new, ends after the container's end."""
        from cais.engine.native.logs import follow

        record = self._records.need(container_id)
        return follow(self._parts.folder(record.id).log, tail=tail, since=since, ended=lambda: self._is_over(record.id))

    def _is_over(self, container_id: str) -> bool:
        from cais.engine.native.monitor import is_alive

        record = self._records.get(container_id)
        return record is None or not (
            is_running(record) or record.life.waiting or is_alive(self._parts.folder(container_id))
        )

    def _state(self, record: Record) -> ContainerState:
        return state_of(record, self._parts.folder(record.id))
