"""A service's `build` section as a build request."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from cais.clock import Clock
from cais.compose.model.build import Build
from cais.compose.model.project import Project
from cais.compose.model.service import Service
from cais.errors import InvalidProject, Problem, UsageError
from cais.events import EventSink, MessageEvent, Phase
from cais.images.model import StoredImage
from cais.images.platforms import host_platform, parse_platform
from cais.images.store import ImageStore
from cais.locations import Locations
from cais.project import names
from cais.project.acquire import LAYOUT

if TYPE_CHECKING:  # `up` makes a Builder always and builds seldom: the build package is loaded by the first build
    from cais.build.check import Checked
    from cais.build.executor import BuildExecutor
    from cais.build.remotecache import CachePlace, CachePlaces
    from cais.build.request import BuildRequest, ImageSource


class BuildOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the command says of all its builds. `ssh` goes before what the project says; `host_ca` lends the machine's certificates to RUN."""

    no_cache: bool = False
    pull: bool = False
    arguments: Mapping[str, str | None] = {}
    ssh: tuple[str, ...] = ()
    host_ca: bool = True


class Builder:
    """Implements `ensure.ServiceBuilder` with the build package."""

    def __init__(
        self,
        store: ImageStore,
        source: ImageSource,
        executor: BuildExecutor,
        events: EventSink,
        clock: Clock,
        environment: Mapping[str, str],
        locations: Locations,
        options: BuildOptions,
        caches: Callable[[], CachePlaces],
    ) -> None:
        self._caches = caches
        self._store = store
        self._locations = locations
        self._source = source
        self._executor = executor
        self._events = events
        self._clock = clock
        self._environment = environment
        self._options = options

    def build(self, project: Project, service: Service) -> StoredImage:
        """Build and tag the image of `service`."""
        from cais.build.solve import build

        self._warn_of_platforms(project, service)
        request = build_request(project, service, self._environment, self._options)
        return build(
            request,
            caches=self._caches() if request.cache_from or request.cache_to else None,
            store=self._store,
            images=self._source,
            executor=self._executor,
            events=self._events,
            clock=self._clock,
            locations=self._locations,
        )

    def check(self, project: Project, service: Service) -> Checked:
        """What the build checks find in the Dockerfile of `service`."""
        from cais.build.solve import check_only

        return check_only(
            build_request(project, service, self._environment, self._options),
            store=self._store,
            images=self._source,
            executor=self._executor,
            events=self._events,
            clock=self._clock,
            locations=self._locations,
        )

    def _warn_of_platforms(self, project: Project, service: Service) -> None:
        assert service.build is not None
        if len(service.build.platforms) > 1:
            place = project.origins.of("services", service.name, "build", "platforms")
            text = f'{place}: of the platforms of "{service.name}" only this machine\'s is built'
            self._events.emit(MessageEvent(phase=Phase.WARNING, text=text))


def build_request(
    project: Project, service: Service, environment: Mapping[str, str], options: BuildOptions
) -> BuildRequest:
    """What to build for `service`. Raises InvalidProject for what cannot be built here."""
    from cais.build.request import BuildRequest

    section = service.build
    assert section is not None
    reading = _Reading(project, service, section)
    everything = {**environment, **project.environment}
    request = BuildRequest(
        name=service.name,
        context=reading.context(),
        dockerfile=section.dockerfile,
        dockerfile_text=section.dockerfile_inline or None,
        text_name="dockerfile_inline",
        target=section.target,
        arguments={**section.args, **options.arguments},
        labels={
            **section.labels,
            names.PROJECT: project.name,
            names.SERVICE: service.name,
        },
        tags=(names.image_reference(project.name, service), *section.tags),
        contexts=reading.contexts(),
        secrets=_secrets(project, section),
        ssh=reading.agents(options.ssh or section.ssh, everything),
        allow=reading.rights(),
        no_cache=section.no_cache or options.no_cache,
        no_cache_stages=section.no_cache_filter,
        pull=section.pull or options.pull,
        cache_from=reading.caches("cache_from", section.cache_from),
        cache_to=reading.caches("cache_to", section.cache_to),
        platform=reading.platform(),
        extra_hosts=section.extra_hosts,
        network=reading.network(),
        shm_size_bytes=section.shm_size or 64 << 20,
        ulimits=tuple((name, soft, hard) for name, (soft, hard) in section.ulimits.items()),
        host_ca=options.host_ca,
        environment=everything,
    )
    reading.finish()
    return request


class _Reading:
    """Reads a `build` section; what is wrong with it is told together, each with its place."""

    def __init__(self, project: Project, service: Service, section: Build) -> None:
        self._project = project
        self._service = service
        self._section = section
        self._problems: list[Problem] = []

    def finish(self) -> None:
        """Raise InvalidProject if anything was wrong."""
        if self._problems:
            raise InvalidProject(self._problems)

    def context(self) -> str:
        """A folder that is there, or an address."""
        from cais.build.words import is_remote

        location = self._section.context
        if not is_remote(location, short=True) and not os.path.isdir(location):
            self._refuse("context", f'the context folder "{location}" does not exist', "create it, or correct the path")
        return location

    def contexts(self) -> dict[str, str]:
        """Further contexts; `service:NAME` is the image of that service, which has been built before (ensure.build_levels)."""
        found: dict[str, str] = {}
        for name, value in self._section.additional_contexts.items():
            wanted = value.removeprefix("service:")
            if value.startswith(LAYOUT):
                folder = os.path.join(self._project.directory, value.removeprefix(LAYOUT))
                found[name] = LAYOUT + os.path.normpath(folder)
            elif wanted == value:
                found[name] = value
            elif wanted in self._project.services:
                reference = names.image_reference(self._project.name, self._project.services[wanted])
                found[name] = f"docker-image://{reference}"
            else:
                message = f'additional context "{name}" names no enabled service: "{value}"'
                self._refuse("additional_contexts", message, "name a service of the project, and enable its profile")
        return found

    def agents(self, words: Sequence[str], environment: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
        """SSH agents and keys."""
        from cais.build.request import agents_of

        try:
            return agents_of(words, environment)
        except UsageError as error:
            self._refuse("ssh", error.message, error.hint)
            return {}

    def caches(self, attribute: str, words: Sequence[str]) -> tuple[CachePlace, ...]:
        """Caches elsewhere; folders are relative to the project's."""
        from cais.build.remotecache import parse_place

        found: list[CachePlace] = []
        for word in words:
            try:
                place = parse_place(word, to=attribute == "cache_to")
            except UsageError as error:
                self._refuse(attribute, error.message, error.hint)
                continue
            folder = os.path.join(self._project.directory, place.folder) if place.folder else ""
            found.append(msgspec.structs.replace(place, folder=folder))
        return tuple(found)

    def rights(self) -> frozenset[str]:
        """What steps may ask for; `privileged` is all rights of a step that asks for them."""
        from cais.build.entitlements import INSECURE, check_known

        asked = (*self._section.entitlements, *((INSECURE,) if self._section.privileged else ()))
        try:
            check_known(asked)
        except UsageError as error:
            self._refuse("entitlements", error.message, error.hint)
        return frozenset(asked)

    def platform(self) -> str:
        """This machine's, if it is among those that are named."""
        platforms = self._section.platforms
        if not platforms:
            return self._service.platform
        here = host_platform()
        for text in platforms:
            wanted = parse_platform(text)
            if (wanted.os, wanted.architecture) == (here.os, here.architecture):
                return text
        hint = f"build on a machine of that kind, or add {here.os}/{here.architecture}"
        self._refuse("platforms", f"this machine cannot build for {', '.join(platforms)}", hint)
        return ""

    def network(self) -> str:
        """The network of RUN."""
        network = self._section.network or "default"
        if network not in ("default", "host", "none"):
            self._refuse("network", f'a build cannot be in the network "{network}"', 'use "default", "host" or "none"')
        return network

    def _refuse(self, attribute: str, message: str, hint: str | None) -> None:
        place = self._project.origins.of("services", self._service.name, "build", attribute)
        self._problems.append(Problem(f'build of "{self._service.name}": {message}', place, hint))


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
