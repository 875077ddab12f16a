"""Services in the order of their dependencies. The loader has refused cycles."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from cais.compose.model.project import Project
from cais.errors import NotFoundError


def dependency_names(project: Project, service: str) -> tuple[str, ...]:
    """What `service` must come after: `depends_on` and the services whose namespaces or volumes it shares."""
    names = (*project.services[service].depends_on, *owners(project, service))
    return tuple(name for name in dict.fromkeys(names) if name in project.services)


def namespace_owners(project: Project, service: str) -> tuple[str, ...]:
    """The services whose namespaces `service` shares (`network_mode`, `pid` or `ipc: service:NAME`)."""
    wanted = project.services[service]
    modes = (wanted.network_mode, wanted.pid, wanted.ipc)
    return tuple(dict.fromkeys(mode.removeprefix("service:") for mode in modes if mode.startswith("service:")))


def owners(project: Project, service: str) -> tuple[str, ...]:
    """The services whose namespaces or volumes `service` shares: its container names theirs."""
    sources = project.services[service].volumes_from
    lenders = (source.partition(":")[0] for source in sources if not source.startswith("container:"))
    return tuple(dict.fromkeys((*namespace_owners(project, service), *lenders)))


def in_order(project: Project, services: Iterable[str]) -> tuple[str, ...]:
    """`services` so that each comes after those it depends on; else as in the file."""
    chosen = set(services)
    done: dict[str, None] = {}

    def visit(name: str) -> None:
        if name in done:
            return
        for other in dependency_names(project, name):
            visit(other)
        done[name] = None

    for name in project.services:
        if name in chosen:
            visit(name)
    return tuple(name for name in done if name in chosen)


def with_dependencies(project: Project, services: Collection[str]) -> tuple[str, ...]:
    """`services` (all when empty) and what they depend on, in order. Raises NotFoundError for an unknown name."""
    check_known(project, services)
    wanted: set[str] = set()

    def visit(name: str) -> None:
        if name not in wanted:
            wanted.add(name)
            for other in dependency_names(project, name):
                visit(other)

    for name in services or project.services:
        visit(name)
    return in_order(project, wanted)


def check_known(project: Project, services: Collection[str]) -> None:
    """Raise NotFoundError, with the nearest name, for the first of `services` that the project does not have."""
    for name in services:
        if name not in project.services:
            import difflib

            near = difflib.get_close_matches(name, [*project.services, *project.disabled], 1)
            known = ", ".join(project.services) or "none"
            hint = f'did you mean "{near[0]}"?' if near else f"services of this project: {known}"
            raise NotFoundError(f'no such service: "{name}"', hint=hint)
