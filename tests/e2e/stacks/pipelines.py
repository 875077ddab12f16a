"""Reads `bitbucket-pipelines.yml` as Bitbucket does: which steps a push to a branch runs, and a step as one script."""

from pathlib import Path
from typing import Any, NamedTuple

import yaml


class Step(NamedTuple):
    """A step: the image it runs in, and its commands as one script that ends at the first that fails."""

    name: str
    image: str
    script: str
    artifacts: tuple[str, ...]
    services: tuple[str, ...]


def steps(file: Path, branch: str) -> list[Step]:
    """What a push to `branch` runs. Only exact names of branches are known here, no patterns."""
    configuration = yaml.safe_load(file.read_text())
    pipelines = configuration["pipelines"]
    chosen = pipelines.get("branches", {}).get(branch, pipelines["default"])
    return [_step(entry["step"], configuration["image"]) for entry in chosen]


def _step(step: dict[str, Any], image: str) -> Step:
    return Step(
        name=step["name"],
        image=step.get("image", image),
        script="set -e\n" + "\n".join(step["script"]),
        artifacts=tuple(step.get("artifacts", ())),
        services=tuple(step.get("services", ())),
    )
