"""Which references Cais can make without a registry. Pure.

Only names of Docker Hub, of the distroless images and of Docker's hardened ones: a reference to any other registry is somebody's own image.
"""

from __future__ import annotations

import re

from cais.bases.recipe import Recipe
from cais.errors import InternalError, PullError

_RELEASE = re.compile(r"-debian\d+$")
_HUB_PREFIXES = (
    "docker.io/library/",
    "index.docker.io/library/",
    "registry-1.docker.io/library/",
    "docker.io/",
    "library/",
)


def recipes() -> tuple[Recipe, ...]:
    """Every recipe."""
    from cais.bases.recipes import debian, distroless, golang, hardened, nginx, node, postgres, python, redis

    return (
        *debian.recipes(),
        *distroless.recipes(),
        *python.recipes(),
        *node.recipes(),
        *(module.recipe() for module in (nginx, postgres, redis, golang, hardened)),
    )


def by_name(name: str) -> Recipe:
    """The recipe called `name`; a recipe that names a parent which does not exist is a bug."""
    for recipe in recipes():
        if recipe.name == name:
            return recipe
    raise InternalError(f'no recipe is called "{name}"')


def short_name(reference: str) -> str:
    """`reference` as people write it: `python:3.13-slim` of `docker.io/library/python:3.13-slim`; `:latest` when it has no tag."""
    for prefix in _HUB_PREFIXES:
        if reference.startswith(prefix):
            reference = reference.removeprefix(prefix)
            break
    name, slash, last = reference.rpartition("/")
    return reference if ":" in last or "@" in last else f"{name}{slash}{last}:latest"


def find(reference: str) -> Recipe | None:
    """The recipe that makes the equivalent of `reference`, or None. A digest names one image of one registry, which nothing else equals."""
    name = short_name(reference)
    return next((recipe for recipe in recipes() if name in recipe.references), None)


def suggest(reference: str) -> tuple[str, ...]:
    """What can be made of the same repository as `reference`, when not that tag: `python:3.13-slim` for `python:3.12`."""
    repository = _repository(short_name(reference))
    found = [name for recipe in recipes() for name in recipe.references[:1] if _repository(name) == repository]
    return tuple(found)


def _repository(name: str) -> str:
    """Without tag or digest, and without the Debian release that distroless has in its names."""
    return _RELEASE.sub("", name.partition("@")[0].rpartition(":")[0])


def unavailable(reference: str) -> PullError:
    """The error for a reference that no recipe makes, with what can be done instead."""
    short = short_name(reference)
    others = suggest(reference)
    archive = f"Debian's archive has {' and '.join(others)}; use that, or" if others else "it has to be brought here:"
    return PullError(
        f'no registry gave the image "{short}", and Cais cannot make it from Debian\'s archive',
        hint=f"{archive} import an image: cais image import FILE {short} (how: cais image import --help)",
    )
