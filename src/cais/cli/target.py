"""Which project a command line means, and its containers."""

from __future__ import annotations

from collections.abc import Sequence

from cais.cli.wire import Wire
from cais.compose.model.project import Project
from cais.engine.protocol import ContainerState
from cais.errors import InvalidProject
from cais.events import MessageEvent, Phase
from cais.project import select
from cais.project.observed import Observed, observe_containers


def observed_project(wire: Wire) -> tuple[str, Observed]:
    """The project's name and what is there, without checking its Compose file: for verbs on existing containers."""
    name = wire.project_name()
    return name, observe_containers(wire.engine, name)


def present_containers(wire: Wire, services: Sequence[str]) -> tuple[str, tuple[ContainerState, ...]]:
    """The project's name and the replicas of `services` (all when empty); that there are none at all is said."""
    name, observed = observed_project(wire)
    chosen = select.of_services(observed, services)
    if not chosen:
        text = f'project "{name}" has no containers: `cais up` creates them'
        wire.tell(MessageEvent(phase=Phase.WARNING, text=text))
    return name, chosen


def loaded_project(wire: Wire, services: tuple[str, ...] = ()) -> Project:
    """The project as its files say, with warnings shown; `services` named on the command line enable their profiles.

    Raises InvalidProject for what Cais cannot do, too: for verbs that run it.
    """
    project = wire.load(services)
    wire.warn()
    if project.refusals:
        raise InvalidProject(project.refusals)
    return project
