"""WORKDIR: makes the folder, and what is missing above it, for the current user."""

from __future__ import annotations

import os

from cais.build.place import make_folders
from cais.build.steps.model import WorkdirStep
from cais.build.steps.owner import owner_of
from cais.errors import BuildError
from cais.linux.rootpath import host_path


def make_workdir(step: WorkdirStep, root: str) -> bool:
    """Do the step in `root`; whether anything was changed. Raises BuildError, placed at the step."""
    if os.path.isdir(host_path(root, step.path)):
        return False
    try:
        make_folders(root, step.path, owner_of(root, step.user, step.span))
    except OSError as error:
        raise BuildError(f'cannot make the folder "{step.path}": {error.strerror}', span=step.span) from error
    return True
