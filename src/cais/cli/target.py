"""Which project a command line means, and its containers."""

from __future__ import annotations

from cais.cli.wire import Wire
from cais.compose.model.project import Project
from cais.project.observed import Observed, observe


def observed_project(wire: Wire) -> tuple[str, Observed]:
    """The project's name and what is there, without checking its Compose file: for verbs on existing containers."""
    name = wire.project_name()
    return name, observe(wire.engine, name)


def loaded_project(wire: Wire, services: tuple[str, ...] = ()) -> Project:
    """The project as its files say, with warnings shown; `services` named on the command line enable their profiles."""
    project = wire.load(services)
    wire.warn()
    return project
