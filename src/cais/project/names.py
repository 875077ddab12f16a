"""Names and labels that Cais gives, the same as Docker Compose's, so that other tools find what they expect."""

from __future__ import annotations

from collections.abc import Mapping

from cais.compose.model.project import Project
from cais.compose.model.service import Service
from cais.digest import Digest

PREFIX = "com.docker.compose."
PROJECT = PREFIX + "project"
SERVICE = PREFIX + "service"
NUMBER = PREFIX + "container-number"
ONE_OFF = PREFIX + "oneoff"
CONFIG_HASH = PREFIX + "config-hash"
CONFIG_FILES = PREFIX + "project.config_files"
WORKING_DIR = PREFIX + "project.working_dir"
DEPENDS_ON = PREFIX + "depends_on"
IMAGE_TO_COME = Digest("sha256:" + "0" * 64)
"""Stands, in a dry run, for an image that is not in the store yet: nothing is known of its config."""
IMAGE = PREFIX + "image"
NETWORK = PREFIX + "network"
VOLUME = PREFIX + "volume"


def container_name(project: str, service: Service, number: int) -> str:
    """`container_name`, else `project-service-number`."""
    return service.container_name or f"{project}-{service.name}-{number}"


def namespace_mode(project: Project, mode: str) -> str:
    """A mode of `pid`, `ipc` or `network_mode` as an engine knows it: instead of a service its first container."""
    if mode.startswith("service:"):
        return f"container:{container_name(project.name, project.services[mode.removeprefix('service:')], 1)}"
    return mode


def pre_start_name(project: str, service: str, step: int) -> str:
    """The container of a service's `pre_start` step, from 1."""
    return f"{project}-{service}-pre_start-{step}"


def image_reference(project: str, service: Service) -> str:
    """The reference a service's image has: `image`, else `project-service` for a built one."""
    return service.image or built_image(project, service.name)


def built_image(project: str, service: str) -> str:
    """The name of a built image that has no other."""
    return f"{project}-{service}"


def mounted_image(reference: str) -> str:
    """The key, beside the services' names, of an image that is mounted and not run."""
    return f"image:{reference}"


def container_labels(
    project: Project, service: Service, number: int, *, config_hash: str, image_id: str, one_off: bool
) -> Mapping[str, str]:
    """The service's labels and Compose's own."""
    depends = ",".join(f"{name}:{d.condition.value}:{str(d.restart).lower()}" for name, d in service.depends_on.items())
    return {
        **service.labels,
        PROJECT: project.name,
        SERVICE: service.name,
        NUMBER: str(number),
        ONE_OFF: str(one_off),
        CONFIG_HASH: config_hash,
        CONFIG_FILES: ",".join(project.files),
        WORKING_DIR: project.directory,
        DEPENDS_ON: depends,
        IMAGE: image_id,
    }
