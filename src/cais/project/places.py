"""Where the Compose file asks for what the engine could not do. Pure."""

from __future__ import annotations

from cais.compose.model.project import Project
from cais.errors import CaisError, PortInUse, Span
from cais.project.actions import Action, CreateContainer


def place_of(project: Project, action: Action, error: CaisError) -> Span | None:
    """The line to show with an error of the engine that has none: the port that is taken, else the service; None for other actions."""
    if not isinstance(action, CreateContainer) or action.spec.service not in project.services:
        return None
    path: tuple[str | int, ...] = ("services", action.spec.service)
    if isinstance(error, PortInUse):
        ports = project.services[action.spec.service].ports
        taken = next((index for index, port in enumerate(ports) if _publishes(port.published, error.port)), None)
        path = (*path, "ports") if taken is None else (*path, "ports", taken)
    return project.origins.of(*path)


def _publishes(published: str, port: int) -> bool:
    """Whether `published`, a port or a range, has `port` in it."""
    first, _, last = published.partition("-")
    return first.isdecimal() and int(first) <= port <= int(last or first)
