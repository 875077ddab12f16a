"""`pre_start`: steps that are run to their end, each in a container of its own, before a service is started (Compose Specification, "pre_start").

A step has what its service has (image, networks, volumes, ...) but for what it says itself. Its container is removed when it has done its
work; one that failed stays to be looked at, and the service is not started.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from cais.compose.model.hooks import PreStartHook
from cais.compose.model.project import Project
from cais.compose.model.service import Condition, Service
from cais.engine.protocol import ContainerSpec, ContainerState, RestartPolicy
from cais.images.model import StoredImage
from cais.project import names, translate
from cais.project.actions import Action, Await, CreateContainer, RemoveContainer, StartContainer
from cais.project.observed import Observed


def add_steps(
    project: Project,
    service: Service,
    images: Mapping[str, StoredImage],
    observed: Observed,
    after: tuple[int, ...],
    add: Callable[[Action], int],
) -> tuple[int, ...]:
    """Add the actions of all steps, one step after the other and the first one `after` those; what the service is to be started after."""
    for number, step in enumerate(service.pre_start, 1):
        spec = _spec(project, service, number, step, images)
        after = _add_step(spec, number, observed.containers.get(spec.name), after, add)
    return after


def _add_step(
    spec: ContainerSpec, number: int, old: ContainerState | None, after: tuple[int, ...], add: Callable[[Action], int]
) -> tuple[int, ...]:
    cause = f"{spec.service} starts after it"
    if old is not None:  # it failed, and was kept
        after = (add(RemoveContainer(id=old.id, name=old.name, force=True, cause="it is run again", after=after)),)
    created = add(CreateContainer(spec=spec, cause=cause, after=after))
    started = add(StartContainer(name=spec.name, cause=cause, after=(created,)))
    done = Await(
        service=spec.service,
        names=(spec.name,),
        condition=Condition.COMPLETED,
        cause=spec.service,
        what=f'pre_start step {number} of service "{spec.service}"',
        after=(started,),
    )
    return (add(RemoveContainer(id="", name=spec.name, volumes=True, cause="it is done", after=(add(done),))),)


def _spec(
    project: Project, service: Service, number: int, step: PreStartHook, images: Mapping[str, StoredImage]
) -> ContainerSpec:
    """The container of a step. It does not answer for its service: no alias, no port, no restart, no health check, no hooks."""
    own = msgspec.structs.replace(
        service,
        command=step.command if step.command is not None else service.command,
        image=step.image or service.image,
        user=step.user or service.user,
        privileged=step.privileged or service.privileged,
        working_dir=step.working_dir or service.working_dir,
        environment={**service.environment, **step.environment},
        container_name="",
    )
    # In a dry run an image may still be to come.
    image = images.get(names.mounted_image(step.image), images[service.name]) if step.image else images[service.name]
    spec = translate.container_spec(project, own, 1, image, mounted=images, one_off=True)
    name = names.pre_start_name(project.name, service.name, number)
    return msgspec.structs.replace(
        spec,
        name=name,
        endpoints=tuple(
            msgspec.structs.replace(one, aliases=(name,), ipv4_address="", mac_address="") for one in spec.endpoints
        ),
        ports=(),
        restart=RestartPolicy(),
        restart_unhealthy=False,
        probe=None,
        post_start=(),
        pre_stop=(),
    )
