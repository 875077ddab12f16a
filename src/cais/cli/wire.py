"""Builds what a verb needs, once and only when asked, and hands it down. The only place that connects packages."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from cais.cli.options import GlobalOptions
from cais.clock import SystemClock
from cais.errors import NotFoundError, Problem
from cais.events import Event, EventSink
from cais.locations import Locations, find_locations

if TYPE_CHECKING:
    from cais.compose.loader import Loaded, Wanted
    from cais.compose.model.project import Project
    from cais.database import Database
    from cais.engine.native.buildexec import NativeBuildExecutor
    from cais.engine.native.engine import NativeEngine
    from cais.engine.native.network.networking import NativeNetworking
    from cais.engine.protocol import ContainerState
    from cais.images.store import ImageStore
    from cais.project.acquire import Acquirer, RegistryPusher
    from cais.project.builds import Builder, BuildOptions
    from cais.project.cacheplaces import RemoteCaches
    from cais.project.supervision import ProjectSupervisor
    from cais.project.waiting import SupervisedWaiter
    from cais.registry.settings import HostSettings, RegistrySettings


class View(EventSink, Protocol):
    """An event sink that a terminal can be left with."""

    def close(self) -> None:
        """Write what is pending and stop redrawing."""


class Wire:
    """State of one command: made once in `main`, its expensive parts made at first use."""

    def __init__(self, options: GlobalOptions, env: Mapping[str, str], cwd: str, uid: int) -> None:
        self.options = options
        self.env = env
        self.cwd = cwd
        self.uid = uid
        self.clock = SystemClock()
        self._supervisors: dict[str, ProjectSupervisor] = {}
        self._loaded: Project | None = None
        self._warnings: tuple[Problem, ...] = ()

    @functools.cached_property
    def locations(self) -> Locations:
        """Where state is kept."""
        return find_locations(self.env, uid=self.uid)

    @functools.cached_property
    def database(self) -> Database:
        """The one SQLite file."""
        from cais.database import Database

        return Database(self.locations.database)

    @functools.cached_property
    def images(self) -> ImageStore:
        """The image store."""
        from cais.images.store import ImageStore

        return ImageStore(self.locations, self.database, users_of=self._users_of, clock=self.clock)

    def _users_of(self, image_id: str) -> tuple[str, ...]:
        return tuple(c.name for c in self.engine.containers() if image_id in _images_of(c))

    def reference_key(self, text: str) -> str:
        """The name under which the store files a reference."""
        from cais.images.reference import parse_reference

        return parse_reference(text).key

    @functools.cached_property
    def engine(self) -> NativeEngine:
        """The native engine."""
        from cais.engine.native.engine import NativeEngine

        return NativeEngine(self.locations, self.database, lambda: self.images, lambda: self.networking, self.clock)

    @functools.cached_property
    def networking(self) -> NativeNetworking:
        """The native engine's networking."""
        from cais.engine.native.network.networking import NativeNetworking

        return NativeNetworking(self.locations, self.database)

    @property
    def color(self) -> bool:
        """Whether stdout may have colours (`--ansi`, NO_COLOR, a terminal)."""
        if self.options.color != "auto":
            return self.options.color == "always"
        return sys.stdout.isatty() and "NO_COLOR" not in self.env and self.env.get("TERM") != "dumb"

    def image_source(self, events: EventSink) -> Acquirer:
        """Finds images: store, registry, base recipes."""
        from cais.project.acquire import Acquirer

        return Acquirer(self.images, self.locations, events, self.registries)

    def pusher(self, events: EventSink) -> RegistryPusher:
        """Gives images to their registries."""
        from cais.project.acquire import RegistryPusher

        return RegistryPusher(self.images, events, self.registries)

    def image_digest(self, reference: str) -> str:
        """`reference` with the digest that its registry has for it. Raises PullError."""
        from cais.images.reference import parse_reference
        from cais.registry.digests import with_digest

        with contextlib.closing(self.view()) as view:
            return str(with_digest(parse_reference(reference), self.registries, view))

    @functools.cached_property
    def registries(self) -> RegistrySettings:
        """How registries are reached. Raises InvalidInput for a mistake in the registries file."""
        from cais.cli.registryfiles import find_files
        from cais.registry.settings import RegistrySettings

        folder = self.env.get("DOCKER_CONFIG") or os.path.join(self.env.get("HOME", "/root"), ".docker")
        hosts: Mapping[str, HostSettings] = {}
        if files := find_files(self.env):
            from cais.cli.registries import read_files

            hosts = read_files(files)
        return RegistrySettings(
            offline=self.options.offline,
            hosts=hosts,
            docker_config=os.path.join(folder, "config.json"),
            certificates="/etc/docker/certs.d",
        )

    def build_executor(self) -> NativeBuildExecutor:
        """Runs the commands of builds."""
        from cais.engine.native.buildexec import NativeBuildExecutor

        return NativeBuildExecutor(self.locations)

    def caches(self, events: EventSink) -> RemoteCaches:
        """Build caches elsewhere."""
        from cais.project.cacheplaces import RemoteCaches

        return RemoteCaches(self.images, events, self.registries)

    def service_builder(self, events: EventSink, options: BuildOptions | None = None) -> Builder:
        """Builds the images of services."""
        from cais.project.builds import Builder, BuildOptions

        return Builder(
            self.images,
            self.image_source(events),
            self.build_executor(),
            events,
            self.clock,
            self.env,
            self.locations,
            options or BuildOptions(),
            lambda: self.caches(events),
        )

    def view(self, *, quiet: bool = False, redraw: bool = True, kind: str | None = None) -> View:
        """A new progress view on stderr, of the `kind` that `--progress` asks for; without `redraw` one that leaves other lines alone."""
        kind = "quiet" if quiet else kind or self.options.progress
        if kind == "auto":
            terminal = sys.stderr.isatty() and self.env.get("TERM") != "dumb" and self.options.color != "never"
            kind = "tty" if terminal else "plain"
        if kind == "tty" and redraw:
            from cais.cli.view.tty import TtyView, terminal_size

            return TtyView(_write_stderr, self.clock, lambda: terminal_size(2))
        if kind == "json":
            from cais.cli.view.jsonlines import JsonView

            return JsonView(_write_stderr)
        if kind == "quiet":
            from cais.cli.view.quiet import QuietView

            return QuietView(_write_stderr)
        from cais.cli.view.plain import PlainView

        return PlainView(_write_stderr)

    def load(self, services: tuple[str, ...] = ()) -> Project:
        """The project as its files say."""
        if self._loaded is None:
            from cais.cli.loading import load

            loaded = load(self.options, self.env, self.cwd, services, self.locations)
            self._loaded, self._warnings = loaded.project, loaded.warnings
        return self._loaded

    def load_tree(self, services: tuple[str, ...], adapt: Callable[[Wanted], Wanted]) -> Loaded:
        """The project as a tree that still knows every place, loaded as `adapt` wants it. What `up` would refuse is a remark here."""
        from cais.cli.diskreader import DiskReader
        from cais.cli.projects import find_project, load_tree, wanted_of

        reader = DiskReader()
        found = find_project(self.options, self.env, self.cwd, reader)
        loaded = load_tree(
            adapt(wanted_of(found, services, keep_unused=self.options.all_resources)), found.env, self.locations, reader
        )
        self._warnings = (*found.warnings, *loaded.warnings, *loaded.refusals)
        return loaded

    @property
    def loaded(self) -> Project | None:
        """The project, if it was needed so far."""
        return self._loaded

    def project_or_none(self) -> Project | None:
        """The project; None when there is no Compose file and the name is given otherwise."""
        from cais.cli.loading import given_name

        try:
            return self.load()
        except NotFoundError:
            if given_name(self.options, self.env) is None:
                raise
            return None

    def project_name(self) -> str:
        """The project's name; its files are read only when they are needed to know it."""
        from cais.cli.loading import given_name

        return given_name(self.options, self.env) or self.load().name

    def warn(self) -> None:
        """Show the loader's remarks, once."""
        if self._warnings and self.options.progress != "quiet":
            from cais.cli.view.problems import render_warning

            for problem in self._warnings:
                sys.stderr.write(render_warning(problem, color=sys.stderr.isatty()))
        self._warnings = ()

    def tell(self, event: Event) -> None:
        """Show one event outside any progress view."""
        with contextlib.closing(self.view()) as view:
            view.emit(event)

    def supervisor(self, project: str) -> ProjectSupervisor:
        """The project's supervisor; one object a project."""
        found = self._supervisors.get(project)
        if found is None:
            from cais.project.supervision import ProjectSupervisor

            argv = (sys.executable, "-m", "cais.cli.supervise", project)
            found = self._supervisors[project] = ProjectSupervisor(self.locations, project, argv)
        return found

    def waiter(self, project: str, events: EventSink, *, deadline_s: float | None = None) -> SupervisedWaiter:
        """What tells the supervisor and waits by its events."""
        from cais.project.waiting import SupervisedWaiter, deadline_after

        return SupervisedWaiter(
            self.engine,
            self.supervisor(project),
            events,
            deadline=deadline_after(deadline_s),
            place_of=lambda service: self._loaded.origins.of("services", service) if self._loaded else None,
        )


def _images_of(container: ContainerState) -> set[str]:
    """The image a container stands on, and those it mounts."""
    from cais.engine.protocol import MountKind

    return {container.spec.image_id, *(one.source for one in container.spec.mounts if one.kind is MountKind.IMAGE)}


def _write_stderr(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
