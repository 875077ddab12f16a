"""The image config of a finished base: the recipe's, with the versions found and labels that say what it is and what it was made from."""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec

from cais.bases.archive import upstream_version
from cais.bases.recipe import Recipe
from cais.clock import rfc3339
from cais.images.model import History, ImageConfig, RunConfig, StoredImage

RECIPE = "cais.base.recipe"
EQUIVALENT_OF = "cais.base.equivalent-of"
SUITE = "cais.base.suite"
PACKAGES = "cais.base.packages"
OMITS = "cais.base.omits"

# `uname -m` to OCI's architecture and variant (image-index.md, "Platform Variants").
_ARCHITECTURES = {
    "x86_64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armv7l": ("arm", "v7"),
    "i686": ("386", ""),
    "ppc64le": ("ppc64le", ""),
    "s390x": ("s390x", ""),
    "riscv64": ("riscv64", ""),
}


def finished_config(
    recipe: Recipe, parent: StoredImage | None, versions: Mapping[str, str], created_s: int
) -> ImageConfig:
    """The image config to store. `versions` are those of all installed packages; `created_s` is the age of the newest content."""
    machine = os.uname().machine
    architecture, variant = _ARCHITECTURES.get(machine, (machine, ""))
    lines = (
        *(parent.config.history if parent else ()),
        History(created=rfc3339(created_s), created_by=f"cais base {recipe.name}"),
    )
    return ImageConfig(
        architecture=architecture,
        variant=variant,
        os="linux",
        config=_run_config(recipe, parent, versions),
        history=lines,
        created=rfc3339(created_s),
    )


def is_base(image: StoredImage) -> bool:
    """Whether an image was made by a recipe."""
    return RECIPE in image.config.config.labels


def _run_config(recipe: Recipe, parent: StoredImage | None, versions: Mapping[str, str]) -> RunConfig:
    found = tuple(f"{variable}={upstream_version(versions[package])}" for variable, package in recipe.versions)
    labels = {**recipe.config.labels, **_labels(recipe, parent, versions)}
    return msgspec.structs.replace(recipe.config, env=(*recipe.config.env, *found), labels=labels)


def _labels(recipe: Recipe, parent: StoredImage | None, versions: Mapping[str, str]) -> dict[str, str]:
    reference = recipe.references[0]
    labels = {
        "org.opencontainers.image.title": reference,
        "org.opencontainers.image.description": f"Cais's equivalent of {reference}, made from Debian's archive",
        RECIPE: recipe.name,
        EQUIVALENT_OF: reference,
        SUITE: recipe.suite,
    }
    if recipe.packages:
        labels[PACKAGES] = " ".join(f"{name}={versions[name]}" for name in recipe.packages if name in versions)
    if recipe.omits:
        labels[OMITS] = "; ".join(recipe.omits)
    if parent is not None:
        labels["org.opencontainers.image.base.name"] = parent.config.config.labels.get(EQUIVALENT_OF, "")
        labels["org.opencontainers.image.base.digest"] = parent.id
    return labels
