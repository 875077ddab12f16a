"""Desired and observed to actions. Pure: decides everything, touches nothing; the same text serves --dry-run, progress and tests."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec

from cais.compose.model.project import Project
from cais.compose.model.service import Condition, Service
from cais.engine.protocol import ContainerSpec, ContainerState, MountKind, MountSpec, State, VolumeState
from cais.errors import Conflict, InvalidProject, NotFoundError, Problem
from cais.images.model import StoredImage
from cais.project import confighash, names, networks, order, prestart, translate
from cais.project.actions import (
    Action,
    Await,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    Plan,
    RemoveContainer,
    StartContainer,
    StopContainer,
)
from cais.project.observed import Observed


class Recreate(enum.Enum):
    """When an existing container is replaced."""

    CHANGED = "changed"
    ALWAYS = "always"
    NEVER = "never"


class UpOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What `up` was asked. `services` empty means all; `scale` overrides replica counts; `wait` adds a wait for every service.

    `awaited_for` names a service that `run` will start by hand: the plan ends with the waits its `depends_on` asks for.
    """

    services: tuple[str, ...] = ()
    recreate: Recreate = Recreate.CHANGED
    recreate_dependencies: bool = False
    no_deps: bool = False
    remove_orphans: bool = False
    start: bool = True
    wait: bool = False
    scale: Mapping[str, int] = {}
    timeout_s: float | None = None
    renew_anonymous_volumes: bool = False
    awaited_for: str = ""


def plan_up(project: Project, images: Mapping[str, StoredImage], observed: Observed, options: UpOptions) -> Plan:
    """The actions that make `observed` what `project` says. `images` has the image of every service concerned."""
    return _UpPlanner(project, images, observed, options).plan()


def orphans(project: Project, observed: Observed) -> tuple[ContainerState, ...]:
    """Containers of the project that no service (enabled or not) claims; one-off containers are not orphans."""
    known = {*project.services, *project.disabled}
    return tuple(c for c in observed.containers.values() if c.spec.service not in known and not c.spec.one_off)


def borrowed_volumes(project: Project, observed: Observed) -> tuple[VolumeState, ...]:
    """Volumes the project declares as its own that another project made: they are used, and should be said to be external."""
    declared = {volume.name for volume in project.volumes.values() if not volume.external}
    found = (observed.volumes[name] for name in sorted(declared & set(observed.volumes)))
    return tuple(volume for volume in found if volume.spec.project not in {"", project.name})


class _UpPlanner:
    """Collects actions; a method a kind of thing. Lives for one call of `plan_up`."""

    def __init__(
        self, project: Project, images: Mapping[str, StoredImage], observed: Observed, options: UpOptions
    ) -> None:
        self._project = project
        self._images = images
        self._observed = observed
        self._options = options
        self._actions: list[Action] = []
        self._networks: dict[str, int] = {}
        self._volumes: dict[str, int] = {}
        self._created: dict[str, list[int]] = {}
        self._started: dict[str, tuple[int, ...]] = {}
        self._awaits: dict[tuple[str, Condition, bool], int] = {}
        self._touched: set[str] = set()
        self._names: dict[str, tuple[str, ...]] = {}
        self._steps: (
            tuple[int, ...] | None
        ) = ()  # what the present service's containers start after; None: not planned yet

    def plan(self) -> Plan:
        """Networks and volumes, orphans, then services in the order of their dependencies."""
        order.check_known(self._project, self._options.services)
        if self._options.no_deps:
            services = order.in_order(self._project, self._options.services or self._project.services)
        else:
            services = order.with_dependencies(self._project, self._options.services)
        self._resources(services)
        if self._options.remove_orphans:
            for container in orphans(self._project, self._observed):
                self._remove(container, "no service claims it")
        for name in services:
            self._service(self._project.services[name])
        if self._options.wait and self._options.start:
            for name in services:
                self._final_wait(self._project.services[name])
        if self._options.awaited_for:
            self._holds(self._project.services[self._options.awaited_for])
        return Plan(tuple(self._actions))

    def _add(self, action: Action) -> int:
        self._actions.append(action)
        return len(self._actions) - 1

    def _resources(self, services: tuple[str, ...]) -> None:
        used = [self._project.services[name] for name in services]
        for key in dict.fromkeys(key for service in used for key in service.networks):
            self._network(key)
        for key in dict.fromkeys(
            m.source for service in used for m in service.volumes if m.type == "volume" and m.source
        ):
            self._volume(key)

    def _network(self, key: str) -> None:
        network = self._project.networks[key]
        if networks.is_predefined(network):
            return
        present = self._observed.networks.get(network.name)
        if network.external:
            if present is None:
                raise NotFoundError(
                    f'network "{network.name}" is declared external and does not exist',
                    span=self._project.origins.of("networks", key),
                    hint="create it first, or remove `external: true`",
                )
            return
        spec = networks.network_spec(self._project, network)
        if present is not None and present.spec.project not in {"", self._project.name}:
            raise Conflict(
                f'network "{network.name}" belongs to project "{present.spec.project}"',
                span=self._project.origins.of("networks", key),
                hint="declare it `external: true` to share it, or give it another `name`",
            )
        if present is not None and present.spec.config_hash != spec.config_hash:
            self._recreate_network(key, present.spec.name)
        if present is None:
            self._networks[key] = self._add(CreateNetwork(spec=spec, cause="it does not exist"))

    def _recreate_network(self, key: str, name: str) -> None:
        """A network cannot change under running containers; say so instead of doing half of it."""
        raise Conflict(
            f'network "{name}" exists with other settings than the file\'s',
            span=self._project.origins.of("networks", key),
            hint=f"run `cais -p {self._project.name} down` first: its containers must leave it",
        )

    def _volume(self, key: str) -> None:
        volume = self._project.volumes[key]
        present = self._observed.volumes.get(volume.name)
        if volume.external and present is None:
            raise NotFoundError(
                f'volume "{volume.name}" is declared external and does not exist',
                span=self._project.origins.of("volumes", key),
                hint="create it first, or remove `external: true`",
            )
        if present is None:
            spec = translate.volume_spec(self._project, volume)
            self._volumes[key] = self._add(CreateVolume(spec=spec, cause="it does not exist"))

    def _service(self, service: Service) -> None:
        wanted = self._options.scale.get(service.name, service.replicas)
        if wanted > 1 and service.container_name:
            raise Conflict(
                f'service "{service.name}" cannot have {wanted} replicas: container_name gives all the same name',
                span=self._project.origins.of("services", service.name, "container_name"),
                hint="remove container_name or scale to 1",
            )
        present = {c.spec.number: c for c in self._observed.of_service(service.name)}
        for number in sorted(set(present) - set(range(1, wanted + 1)), reverse=True):
            self._remove(present[number], f"scaled to {wanted}")
        hold = self._holds(service) if self._options.start else ()
        specs = {number: self._spec(service, number) for number in range(1, wanted + 1)}
        self._steps = None if service.pre_start and not self._was_started(service, specs, present) else ()
        started: list[int] = []
        containers: list[str] = []
        for number, spec in specs.items():
            name, done = self._replica(service, spec, present.get(number), hold)
            containers.append(name)
            started.extend(done)
        self._started[service.name] = tuple(started)
        self._names[service.name] = tuple(containers)

    def _was_started(
        self, service: Service, specs: Mapping[int, ContainerSpec], present: Mapping[int, ContainerState]
    ) -> bool:
        """Whether a container that stays has run: then so have the service's `pre_start` steps, as they are now."""
        return any(
            container.started_at and not self._recreate_reason(service, container, specs[number])
            for number, container in present.items()
            if number in specs
        )

    def _spec(self, service: Service, number: int) -> ContainerSpec:
        image = self._images[service.name]
        return translate.container_spec(self._project, service, number, image, mounted=self._images)

    def _before_start(self, service: Service, after: tuple[int, ...]) -> tuple[int, ...]:
        """`after`, and the `pre_start` steps of the service, which come after that of its first container."""
        if self._steps is None:
            self._steps = prestart.add_steps(self._project, service, self._images, self._observed, after, self._add)
        return (*after, *self._steps)

    def _holds(self, service: Service) -> tuple[int, ...]:
        """The waits that must be over before `service` starts, one for each dependency and condition."""
        holds = []
        for name, dependency in service.depends_on.items():
            if name in self._names and not self._options.no_deps:
                if dependency.condition is Condition.HEALTHY:
                    self._require_health_check(service, name)
                holds.append(self._await(name, dependency.condition, required=dependency.required, cause=service.name))
        for name in order.namespace_owners(self._project, service.name):
            holds.extend(self._started.get(name, ()))
        return tuple(holds)

    def _require_health_check(self, service: Service, name: str) -> None:
        """Docker Compose fails such a wait too, but only once everything before it has been started."""
        other, image = self._project.services[name], self._images.get(name)
        if (
            image is None
            or image.id == names.IMAGE_TO_COME
            or translate.probe_spec(other.healthcheck, image.config.config.healthcheck) is not None
        ):
            return
        raise InvalidProject(
            [
                Problem(
                    f'service "{service.name}" waits for "{name}" to be healthy, which has no health check',
                    self._project.origins.of("services", service.name, "depends_on", name, "condition"),
                    f'give "{name}" a healthcheck, or wait with condition: service_started',
                )
            ]
        )

    def _await(self, name: str, condition: Condition, *, required: bool, cause: str) -> int:
        key = (name, condition, required)
        if key not in self._awaits:
            self._awaits[key] = self._add(
                Await(
                    service=name,
                    names=self._names[name],
                    condition=condition,
                    required=required,
                    cause=f"{cause} depends on it" if cause else "",
                    after=self._started[name],
                )
            )
        return self._awaits[key]

    def _final_wait(self, service: Service) -> None:
        one_shot = any(
            d.condition is Condition.COMPLETED
            for other in self._project.services.values()
            for name, d in other.depends_on.items()
            if name == service.name
        )
        if self._names.get(service.name):
            condition = Condition.COMPLETED if one_shot else Condition.HEALTHY
            self._await(service.name, condition, required=True, cause="")

    def _replica(
        self, service: Service, spec: ContainerSpec, present: ContainerState | None, hold: tuple[int, ...]
    ) -> tuple[str, tuple[int, ...]]:
        """Actions for one container; its name and the indexes after which it runs."""
        resources = tuple(
            index
            for table, keys in (
                (self._networks, service.networks),
                (self._volumes, [m.source for m in service.volumes]),
            )
            for key in keys
            if (index := table.get(key)) is not None
        ) + self._owners_created(service)
        if present is None:
            cause = "it does not exist"
            return spec.name, self._create_and_start(service, spec, cause, resources, hold)
        reason = self._recreate_reason(service, present, spec)
        if reason:
            self._touched.add(service.name)
            return spec.name, self._replace(service, present, spec, reason, resources, hold)
        if present.state is State.RUNNING and self._options.start and (restart := self._restart_reason(service)):
            self._touched.add(service.name)
            stop = StopContainer(
                id=present.id, name=present.name, timeout_s=self._options.timeout_s, cause=restart, after=hold
            )
            start = StartContainer(name=present.name, cause=restart, after=(self._add(stop),))
            return present.name, (self._add(start),)
        if present.state is State.RUNNING or not self._options.start:
            return present.name, ()
        cause = f"it is {present.state.value}" + (f" (exit code {present.exit_code})" if present.finished_at else "")
        after = self._before_start(service, hold)
        return present.name, (self._add(StartContainer(name=present.name, cause=cause, after=after)),)

    def _owners_created(self, service: Service) -> tuple[int, ...]:
        """A container that shares another's namespace or volumes can only be made when that one is there."""
        owners = order.owners(self._project, service.name)
        return tuple(index for name in owners for index in self._created.get(name, ()))

    def _create(self, spec: ContainerSpec, cause: str, after: tuple[int, ...]) -> int:
        created = self._add(CreateContainer(spec=spec, cause=cause, after=after))
        self._created.setdefault(spec.service, []).append(created)
        return created

    def _recreate_reason(self, service: Service, present: ContainerState, spec: ContainerSpec) -> str:
        """Why the container must be replaced; "" when it need not."""
        if self._options.recreate is Recreate.NEVER:
            return ""
        named = not self._options.services or service.name in self._options.services
        if self._options.recreate is Recreate.ALWAYS and (named or self._options.recreate_dependencies):
            return "--force-recreate was given"
        if present.spec.config_hash != spec.config_hash:
            found = confighash.changes(present.spec.config, spec.config)
            return confighash.describe(found, service.name, self._project.origins)
        if present.spec.image_id != spec.image_id:
            return f"image {spec.image_reference} changed from {present.spec.image_id[7:19]} to {spec.image_id[7:19]}"
        if present.spec.name != spec.name:
            return f"its name changed from {present.spec.name}"
        for name in order.owners(self._project, service.name):
            if name in self._created:
                shared = "namespace" if name in order.namespace_owners(self._project, service.name) else "volumes"
                return f"{name}, whose {shared} it shares, is another container now"
        return ""

    def _restart_reason(self, service: Service) -> str:
        """Why a container that is as it should be must be restarted; "" when it need not (Compose Specification, depends_on, `restart`)."""
        for name, dependency in service.depends_on.items():
            if dependency.restart and name in self._touched:
                return f"{name} is replaced and depends_on.{name}.restart is true"
        return ""

    def _create_and_start(
        self, service: Service, spec: ContainerSpec, cause: str, resources: tuple[int, ...], hold: tuple[int, ...]
    ) -> tuple[int, ...]:
        created = self._create(spec, cause, resources)
        if not self._options.start:
            return (created,)
        after = self._before_start(service, (created, *hold))
        return (self._add(StartContainer(name=spec.name, cause="", after=after)),)

    def _replace(
        self,
        service: Service,
        present: ContainerState,
        spec: ContainerSpec,
        reason: str,
        resources: tuple[int, ...],
        hold: tuple[int, ...],
    ) -> tuple[int, ...]:
        """Stop, create beside, start: the old one goes only once the waits of the new one are over."""
        after = hold
        if present.state in {State.RUNNING, State.RESTARTING}:
            after = (
                self._add(
                    StopContainer(
                        id=present.id,
                        name=present.name,
                        timeout_s=self._options.timeout_s,
                        hooks=spec.pre_stop,  # the file's: one that does not work must not stand in its own way
                        cause=reason,
                        after=hold,
                    )
                ),
            )
        removed = self._add(
            RemoveContainer(
                id=present.id,
                name=present.name,
                volumes=self._options.renew_anonymous_volumes,
                cause=reason,
                after=after,
            )
        )
        if not self._options.renew_anonymous_volumes:
            spec = _with_anonymous_volumes(spec, present)
        created = self._create(spec, reason, (removed, *resources))
        if not self._options.start:
            return (created,)
        return (self._add(StartContainer(name=spec.name, cause=reason, after=self._before_start(service, (created,)))),)

    def _remove(self, container: ContainerState, cause: str) -> None:
        after: tuple[int, ...] = ()
        if container.state in {State.RUNNING, State.RESTARTING}:
            stop = StopContainer(id=container.id, name=container.name, timeout_s=self._options.timeout_s, cause=cause)
            after = (self._add(stop),)
        self._add(RemoveContainer(id=container.id, name=container.name, cause=cause, after=after))


def _with_anonymous_volumes(spec: ContainerSpec, present: ContainerState) -> ContainerSpec:
    """`spec` with the anonymous volumes of the container it replaces, as Docker Compose keeps them."""
    covered = {mount.target for mount in spec.mounts if mount.source or mount.kind is not MountKind.VOLUME}
    inherited = tuple(
        MountSpec(kind=MountKind.VOLUME, source=name, target=target)
        for target, name in present.anonymous_volumes.items()
        if target not in covered
    )
    kept = {mount.target for mount in inherited}
    others = tuple(mount for mount in spec.mounts if mount.target not in kept)
    return msgspec.structs.replace(spec, mounts=(*others, *inherited))
