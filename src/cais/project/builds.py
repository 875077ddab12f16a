"""A service's `build` section as a build request."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from cais.clock import Clock
from cais.compose.model.build import Build
from cais.compose.model.project import Project
from cais.compose.model.service import Service
from cais.errors import CaisError, InvalidProject, Problem
from cais.events import EventSink
from cais.images.model import StoredImage
from cais.images.store import ImageStore
from cais.locations import Locations
from cais.project import names

if TYPE_CHECKING:  # `up` makes a Builder always and builds seldom: the build package is loaded by the first build
    from cais.build.executor import BuildExecutor
    from cais.build.request import BuildRequest, ImageSource

URL_SCHEMES = ("http://", "https://", "git://", "ssh://", "git@", "github.com/")


class Builder:
    """Implements `ensure.ServiceBuilder` with the build package. `no_cache`, `pull` and `host_ca` are the command's flags."""

    def __init__(
        self,
        store: ImageStore,
        source: ImageSource,
        executor: BuildExecutor,
        events: EventSink,
        clock: Clock,
        environment: Mapping[str, str],
        locations: Locations,
        *,
        no_cache: bool = False,
        pull: bool = False,
        arguments: Mapping[str, str | None] | None = None,
        host_ca: bool = True,
    ) -> None:
        self._store = store
        self._locations = locations
        self._source = source
        self._executor = executor
        self._events = events
        self._clock = clock
        self._environment = environment
        self._no_cache = no_cache
        self._pull = pull
        self._arguments = arguments or {}
        self._host_ca = host_ca

    def build(self, project: Project, service: Service) -> StoredImage:
        """Build and tag the image of `service`."""
        from cais.build.solve import build

        request = build_request(
            project,
            service,
            self._environment,
            no_cache=self._no_cache,
            pull=self._pull,
            arguments=self._arguments,
            host_ca=self._host_ca,
        )
        return build(
            request,
            store=self._store,
            images=self._source,
            executor=self._executor,
            events=self._events,
            clock=self._clock,
            locations=self._locations,
        )


def build_request(
    project: Project,
    service: Service,
    environment: Mapping[str, str],
    *,
    no_cache: bool = False,
    pull: bool = False,
    arguments: Mapping[str, str | None] | None = None,
    host_ca: bool = True,
) -> BuildRequest:
    """What to build for `service`. Raises InvalidProject for what the native builder cannot do."""
    from cais.build.request import BuildRequest

    section = service.build
    assert section is not None
    _refuse(project, service, section)
    return BuildRequest(
        name=service.name,
        context=section.context,
        dockerfile=section.dockerfile,
        dockerfile_text=section.dockerfile_inline or None,
        target=section.target,
        arguments={**section.args, **(arguments or {})},
        labels={
            **section.labels,
            names.PROJECT: project.name,
            names.SERVICE: service.name,
        },
        tags=(names.image_reference(project.name, service), *section.tags),
        contexts={name: _context(project, value) for name, value in section.additional_contexts.items()},
        secrets=_secrets(project, section),
        no_cache=section.no_cache or no_cache,
        pull=section.pull or pull,
        platform=section.platforms[0] if section.platforms else service.platform,
        extra_hosts=section.extra_hosts,
        network=section.network or "default",
        shm_size_bytes=section.shm_size or 64 << 20,
        host_ca=host_ca,
        environment={**environment, **project.environment},
    )


def _refuse(project: Project, service: Service, section: Build) -> None:
    problems = []

    def refuse(attribute: str, message: str, hint: str) -> None:
        place = project.origins.of("services", service.name, "build", attribute)
        problems.append(Problem(f'build of "{service.name}": {message}', place, hint))

    if section.context.startswith(URL_SCHEMES):
        refuse(
            "context",
            f'the context "{section.context}" is a URL, which is not fetched yet',
            "clone it and name the folder",
        )
    elif not os.path.isdir(section.context):
        refuse("context", f'the context folder "{section.context}" does not exist', "create it, or correct the path")
    if section.ssh:
        refuse("ssh", "ssh agents are not forwarded yet", "use a secret")
    if section.privileged:
        refuse("privileged", "privileged builds are refused", "remove privileged")
    if len(section.platforms) > 1:
        refuse("platforms", "only this machine's platform can be built", "name one platform")
    if problems:
        raise InvalidProject(problems)


def _context(project: Project, value: str) -> str:
    """`service:NAME` is the image of that service, which has been built before (ensure.build_levels)."""
    if value.startswith("service:"):
        name = value.removeprefix("service:")
        if name not in project.services:
            raise CaisError(f'additional context "{value}" names no enabled service')
        return "docker-image://" + names.image_reference(project.name, project.services[name])
    return value


def _secrets(project: Project, section: Build) -> Mapping[str, bytes | str]:
    found: dict[str, bytes | str] = {}
    for secret in section.secrets:
        item = project.secrets[secret.source]
        key = secret.target or secret.source
        if item.file:
            found[key] = item.file
        elif item.environment:
            found[key] = project.environment.get(item.environment, "").encode()
        elif item.content is not None:
            found[key] = item.content.encode()
    return found
