"""What is there at one moment, as the engine says."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cais.engine.protocol import ContainerState, Engine, NetworkState, VolumeState


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """A project's containers (one-off ones included), by name; all networks and volumes of the machine, by name."""

    containers: Mapping[str, ContainerState] = {}
    networks: Mapping[str, NetworkState] = {}
    volumes: Mapping[str, VolumeState] = {}

    def of_service(self, service: str) -> tuple[ContainerState, ...]:
        """The service's replicas, by number; one-off containers are not among them."""
        found = [c for c in self.containers.values() if c.spec.service == service and not c.spec.one_off]
        return tuple(sorted(found, key=lambda c: c.spec.number))


def observe(engine: Engine, project: str) -> Observed:
    """Ask the engine once."""
    return Observed(
        containers={c.name: c for c in engine.containers(project)},
        networks={n.spec.name: n for n in engine.networks()},
        volumes={v.spec.name: v for v in engine.volumes()},
    )


def observe_containers(engine: Engine, project: str) -> Observed:
    """Ask for the containers alone: networks and volumes cost `ps` and `exec` an import each."""
    return Observed(containers={c.name: c for c in engine.containers(project)})
