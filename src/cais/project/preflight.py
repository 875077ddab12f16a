"""What can be known to fail before anything is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cais.compose.model.project import Project
from cais.errors import InvalidProject, Problem


def check_bind_sources(project: Project, services: Iterable[str], exists: Callable[[str], bool]) -> None:
    """Raise InvalidProject for every bind mount whose source is missing and is not to be created, each with its line."""
    problems = [
        Problem(
            f'service "{name}": the bind mount\'s source "{mount.source}" does not exist',
            project.origins.of("services", name, "volumes", index),
            "create it, correct the path, or set bind.create_host_path: true",
        )
        for name in services
        for index, mount in enumerate(project.services[name].volumes)
        if mount.type == "bind" and not mount.bind_create_host_path and not exists(mount.source)
    ]
    if problems:
        raise InvalidProject(problems)
