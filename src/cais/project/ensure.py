"""Makes sure that every service has its image: in the store, from a registry or a base recipe, or built."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from cais.compose.model.project import Project
from cais.compose.model.service import Service
from cais.errors import CaisError, InternalError, PullError, Span
from cais.images.model import ImageConfig, StoredImage
from cais.images.platforms import host_platform, parse_platform
from cais.project import names
from cais.project.pullpolicy import PullPolicy, PullRule, parse_policy


class ImageSource(Protocol):
    """Finds images."""

    def local(self, reference: str) -> StoredImage | None:
        """From the store only; nothing is written, so a dry run may ask."""

    def use(self, reference: str) -> StoredImage | None:
        """From the store only, and used now."""

    def resolve(self, reference: str, *, pull: bool = False) -> StoredImage:
        """Store (unless `pull`), else registry, else base recipe. Raises PullError."""

    def age_s(self, reference: str) -> float | None:
        """How long ago, in seconds, a registry last said what it has under this name; None if it never did."""


class ServiceBuilder(Protocol):
    """Builds the image of a service and tags it."""

    def build(self, project: Project, service: Service) -> StoredImage:
        """Raises BuildError."""


class ImageOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`build`: build even when there is an image; `no_build`: never build; `pull`: a pull policy in place of the services' own."""

    build: bool = False
    no_build: bool = False
    pull: str = ""


def ensure_images(
    project: Project, services: Sequence[str], source: ImageSource, builder: ServiceBuilder, options: ImageOptions
) -> Mapping[str, StoredImage]:
    """The image of each of `services`, those that do not depend on each other side by side; by `names.mounted_image` those that they mount.

    Raises the first error.
    """
    found: dict[str, StoredImage] = {}
    for level in build_levels(project, services):
        jobs = {name: _job(project, project.services[name], source, builder, options) for name in level}
        found.update(_side_by_side(jobs))
    # After the builds: what is mounted may have been built just now.
    mounted = _mounted(project, services)
    found.update(_side_by_side({key: _mounted_job(source, *mounted[key]) for key in mounted}))
    return found


def _mounted(project: Project, services: Iterable[str]) -> Mapping[str, tuple[str, Span | None]]:
    """The images that `services` mount: reference and place by key. A service's name stands for its image, as in Docker Compose."""
    found: dict[str, tuple[str, Span | None]] = {}
    for name in services:
        for index, mount in enumerate(project.services[name].volumes):
            if mount.type == "image":
                other = project.services.get(mount.source)
                reference = names.image_reference(project.name, other) if other is not None else mount.source
                place = project.origins.of("services", name, "volumes", index)
                found.setdefault(names.mounted_image(mount.source), (reference, place))
        for index, step in enumerate(project.services[name].pre_start):
            if step.image:
                place = project.origins.of("services", name, "pre_start", index)
                found.setdefault(names.mounted_image(step.image), (step.image, place))
    return found


def _mounted_job(source: ImageSource, reference: str, place: Span | None) -> Callable[[], StoredImage]:
    return lambda: source.use(reference) or _resolve(source, reference, place)


def missing_images(
    project: Project, services: Sequence[str], source: ImageSource, options: ImageOptions
) -> tuple[str, ...]:
    """The services whose image would be built or fetched, in words, for a dry run; nothing is done."""
    lines = []
    for name in services:
        service = project.services[name]
        reference = names.image_reference(project.name, service)
        policy = _policy(service, options)
        if service.build is not None and (options.build or policy.rule is PullRule.BUILD):
            lines.append(
                f"build image {reference}: --build was given"
                if options.build
                else f"build image {reference}: pull_policy is build"
            )
        elif policy.rule is PullRule.ALWAYS and service.image:
            lines.append(f"fetch image {reference}: the pull policy is always")
        elif source.local(reference) is None:
            verb = "build" if service.build is not None else "fetch"
            lines.append(f"{verb} image {reference}: it is not in the store")
    lines.extend(
        f"fetch image {reference}: it is not in the store"
        for reference, _ in _mounted(project, services).values()
        if source.local(reference) is None
    )
    return tuple(lines)


def known_image(project: Project, service: Service, source: ImageSource) -> StoredImage:
    """The image in the store, else an empty one that stands for the image to come: enough to plan with, for a dry run."""
    reference = names.image_reference(project.name, service)
    to_come = StoredImage(
        id=names.IMAGE_TO_COME,
        config=ImageConfig(architecture="", os="linux"),
        chain_ids=(),
        snapshot_paths=(),
        references=(reference,),
        size_bytes=0,
        created_at=0.0,
    )
    return source.local(reference) or to_come


def known_mounted(project: Project, services: Iterable[str], source: ImageSource) -> Mapping[str, StoredImage]:
    """Those of the images that `services` mount that are in the store, by `names.mounted_image`."""
    there = ((key, source.local(reference)) for key, (reference, _) in _mounted(project, services).items())
    return {key: image for key, image in there if image is not None}


def build_levels(project: Project, services: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """`services` in groups: a build that uses another service's image as a context (`service:NAME`) comes in a later group."""
    remaining = list(dict.fromkeys(services))
    levels: list[tuple[str, ...]] = []
    placed: set[str] = set()
    while remaining:
        ready = [
            name for name in remaining if not (_context_services(project.services[name]) & set(remaining)) - placed
        ]
        if not ready:
            raise CaisError(
                f"builds depend on each other in a circle: {', '.join(remaining)}",
                span=project.origins.of("services", remaining[0], "build"),
            )
        levels.append(tuple(ready))
        placed.update(ready)
        remaining = [name for name in remaining if name not in placed]
    return tuple(levels)


def _context_services(service: Service) -> set[str]:
    if service.build is None:
        return set()
    return {
        value.removeprefix("service:")
        for value in service.build.additional_contexts.values()
        if value.startswith("service:")
    }


def _job(
    project: Project, service: Service, source: ImageSource, builder: ServiceBuilder, options: ImageOptions
) -> Callable[[], StoredImage]:
    def job() -> StoredImage:
        reference = names.image_reference(project.name, service)
        place = project.origins.of("services", service.name, "image") or project.origins.of("services", service.name)
        if service.platform:
            _require_this_platform(service, project.origins.of("services", service.name, "platform"))
        policy = _policy(service, options)
        may_build = service.build is not None and not options.no_build
        if may_build and (options.build or policy.rule is PullRule.BUILD):
            return builder.build(project, service)
        present = source.use(reference)
        if _is_pulled(service, policy, source, is_present=present is not None):
            try:
                return _resolve(source, reference, place)
            except PullError:
                if not may_build:
                    raise
                present = None  # what cannot be pulled is built, as Docker Compose does
        if present is not None:
            return present
        if may_build:
            return builder.build(project, service)
        flag = "--no-build was given" if service.build is not None else "the pull policy is never"
        raise PullError(f'image "{reference}" is not in the store and {flag}', span=place)

    return job


def _policy(service: Service, options: ImageOptions) -> PullPolicy:
    return parse_policy(options.pull or service.pull_policy)


def _is_pulled(service: Service, policy: PullPolicy, source: ImageSource, *, is_present: bool) -> bool:
    """Whether a registry is asked. What can be built here is only pulled where the policy says so: most have no registry in reach."""
    if not service.image or (service.build is not None and policy.rule is PullRule.UNSAID):
        return False
    age_s = source.age_s(service.image) if policy.rule is PullRule.AGE else None
    return policy.wants(is_present=is_present, age_s=age_s)


def _require_this_platform(service: Service, place: Span | None) -> None:
    wanted, here = parse_platform(service.platform), host_platform()
    if (wanted.os, wanted.architecture) != (here.os, here.architecture):
        raise CaisError(
            f'service "{service.name}" wants the platform {service.platform}, this machine is {here.os}/{here.architecture}',
            span=place,
            hint="Cais runs this machine's own platform only: remove `platform`",
        )


def _resolve(source: ImageSource, reference: str, place: Span | None) -> StoredImage:
    """Resolve with the Compose file's place in the error, which the source cannot know."""
    try:
        return source.resolve(reference, pull=True)
    except PullError as error:
        raise PullError(error.message, span=error.span or place, hint=error.hint, details=error.details) from error


def _side_by_side(jobs: Mapping[str, Callable[[], StoredImage]]) -> Mapping[str, StoredImage]:
    if len(jobs) == 1:
        return {name: job() for name, job in jobs.items()}
    results: dict[str, StoredImage] = {}
    errors: list[CaisError] = []

    def work(name: str, job: Callable[[], StoredImage]) -> None:
        try:
            results[name] = job()
        except CaisError as error:
            errors.append(error)
        except Exception as error:  # noqa: BLE001  # a thread must report; shown as a bug
            wrapped = InternalError(f"image of {name}: {type(error).__name__}: {error}")
            wrapped.__cause__ = error
            errors.append(wrapped)

    threads = [threading.Thread(target=work, args=item, name=f"image {item[0]}", daemon=True) for item in jobs.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results
