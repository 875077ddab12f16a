"""Plans for stopping, removing and starting what is there. They need no Compose file: containers carry their dependencies as a label."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec

from cais.engine.protocol import ContainerState, State
from cais.project import names
from cais.project.actions import (
    Action,
    Plan,
    RemoveContainer,
    RemoveNetwork,
    RemoveVolume,
    StartContainer,
    StopContainer,
)
from cais.project.observed import Observed

ALIVE = frozenset({State.RUNNING, State.RESTARTING})


class DownOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What `down` was asked. `volume_names` are those to remove with `-v`; `keep_networks` are external ones."""

    services: tuple[str, ...] = ()
    volumes: bool = False
    volume_names: tuple[str, ...] = ()
    timeout_s: float | None = None


def plan_stop(containers: Iterable[ContainerState], *, timeout_s: float | None, cause: str) -> Plan:
    """Stop what runs; a service's dependents go before it."""
    actions: list[Action] = []
    _add_stops(actions, tuple(containers), timeout_s, cause)
    return Plan(tuple(actions))


def plan_start(containers: Iterable[ContainerState]) -> Plan:
    """Start what does not run; a service comes after those it depends on (order only: `start` does not wait for health)."""
    chosen = tuple(containers)
    actions: list[Action] = []
    indexes: dict[str, list[int]] = {}
    for container in _ordered(chosen):
        if container.state not in ALIVE:
            after = tuple(index for name in _depends(container) for index in indexes.get(name, ()))
            actions.append(StartContainer(name=container.name, cause=f"it is {container.state.value}", after=after))
            indexes.setdefault(container.spec.service, []).append(len(actions) - 1)
    return Plan(tuple(actions))


def plan_remove(containers: Iterable[ContainerState], *, volumes: bool, cause: str) -> Plan:
    """Remove containers that do not run."""
    return Plan(
        tuple(
            RemoveContainer(id=c.id, name=c.name, volumes=volumes, cause=cause)
            for c in containers
            if c.state not in ALIVE
        )
    )


def plan_down(observed: Observed, project: str, removed: Collection[str], options: DownOptions) -> Plan:
    """Stop and remove the containers named in `removed` (ids), then the project's networks and asked-for volumes."""
    actions: list[Action] = []
    chosen = tuple(c for c in observed.containers.values() if c.id in removed)
    stops = _add_stops(actions, chosen, options.timeout_s, "")
    removals = []
    for container in reversed(_ordered(chosen)):
        after = (stops[container.id],) if container.id in stops else ()
        action = RemoveContainer(
            id=container.id, name=container.name, volumes=options.volumes, force=True, cause="", after=after
        )
        actions.append(action)
        removals.append(len(actions) - 1)
    if options.services:
        return Plan(tuple(actions))
    last = tuple(removals)
    actions.extend(
        RemoveNetwork(name=network.spec.name, cause="", after=last)
        for network in observed.networks.values()
        if network.spec.project == project
    )
    actions.extend(
        RemoveVolume(name=volume.spec.name, cause="--volumes was given", after=last)
        for volume in observed.volumes.values()
        if options.volumes and volume.spec.name in options.volume_names and volume.spec.project == project
    )
    return Plan(tuple(actions))


def _add_stops(
    actions: list[Action], containers: tuple[ContainerState, ...], timeout_s: float | None, cause: str
) -> Mapping[str, int]:
    """Append stops, dependents first; the index of each by container id."""
    stops: dict[str, int] = {}
    dependents: dict[str, list[int]] = {}
    for container in reversed(_ordered(containers)):
        if container.state not in ALIVE:
            continue
        after = tuple(dependents.get(container.spec.service, ()))
        actions.append(
            StopContainer(id=container.id, name=container.name, timeout_s=timeout_s, cause=cause, after=after)
        )
        stops[container.id] = len(actions) - 1
        for name in _depends(container):
            dependents.setdefault(name, []).append(len(actions) - 1)
    return stops


def _depends(container: ContainerState) -> tuple[str, ...]:
    label = container.spec.labels.get(names.DEPENDS_ON, "")
    return tuple(entry.partition(":")[0] for entry in label.split(",") if entry)


def _ordered(containers: tuple[ContainerState, ...]) -> tuple[ContainerState, ...]:
    """Dependencies before dependents, else by name. A cycle (labels of different files) is cut where it is met again."""
    of_service: dict[str, list[ContainerState]] = {}
    for container in sorted(containers, key=lambda c: c.name):
        of_service.setdefault(container.spec.service, []).append(container)
    done: dict[str, None] = {}

    def visit(service: str, path: frozenset[str]) -> None:
        if service in done or service in path:
            return
        for container in of_service.get(service, ()):
            for other in _depends(container):
                visit(other, path | {service})
        done[service] = None

    for service in of_service:
        visit(service, frozenset())
    return tuple(container for service in done for container in of_service.get(service, ()))


def without_networks(plan: Plan) -> Plan:
    """`plan` without removing networks: containers that stay still use them."""
    return Plan(tuple(action for action in plan.actions if not isinstance(action, RemoveNetwork)))


def plan_restart(containers: Iterable[ContainerState], *, timeout_s: float | None) -> Plan:
    """Stop dependents before what they depend on, then start all in the opposite order."""
    chosen = tuple(containers)
    actions: list[Action] = []
    _add_stops(actions, chosen, timeout_s, "restart")
    stopped = tuple(range(len(actions)))
    started: dict[str, list[int]] = {}
    for container in _ordered(chosen):
        after = (*stopped, *(index for name in _depends(container) for index in started.get(name, ())))
        actions.append(StartContainer(name=container.name, cause="restart", after=after))
        started.setdefault(container.spec.service, []).append(len(actions) - 1)
    return Plan(tuple(actions))
