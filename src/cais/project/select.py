"""Which containers a command means."""

from __future__ import annotations

from collections.abc import Collection

from cais.engine.protocol import ContainerState, State
from cais.errors import CaisError, NotFoundError
from cais.project.observed import Observed


def of_services(observed: Observed, services: Collection[str], *, one_off: bool = False) -> tuple[ContainerState, ...]:
    """The containers of `services` (all when empty), by service and number. Raises NotFoundError for a service without any."""
    chosen = [
        c
        for c in observed.containers.values()
        if (not services or c.spec.service in services) and (one_off or not c.spec.one_off)
    ]
    for name in services:
        if not any(c.spec.service == name for c in chosen):
            raise no_such_service(observed, name)
    return tuple(sorted(chosen, key=lambda c: (c.spec.service, c.spec.number, c.name)))


def replica(observed: Observed, service: str, number: int | None) -> ContainerState:
    """The running replica `number` of `service` (the first running one when None)."""
    replicas = observed.of_service(service)
    if not replicas:
        raise no_such_service(observed, service)
    present = [c for c in replicas if number in {None, c.spec.number}]
    if not present:
        there = ", ".join(str(c.spec.number) for c in replicas)
        raise CaisError(f'service "{service}" has no replica {number}', hint=f"there is {there}")
    running = [c for c in present if c.state is State.RUNNING]
    if not running:
        which = f" (replica {number})" if number is not None else ""
        raise CaisError(
            f'service "{service}"{which} is not running: it is {present[0].state.value}',
            hint="start it with `cais up -d` and look at `cais logs " + service + "`",
        )
    return running[0]


def no_such_service(observed: Observed, name: str) -> NotFoundError:
    """The error for a service that has no container."""
    import difflib

    known = sorted({c.spec.service for c in observed.containers.values()})
    near = difflib.get_close_matches(name, known, 1)
    if near:
        return NotFoundError(f'no container for service "{name}"', hint=f'did you mean "{near[0]}"?')
    listed = ", ".join(known) or "none: `cais up` creates them"
    return NotFoundError(f'no container for service "{name}"', hint=f"services with containers: {listed}")
