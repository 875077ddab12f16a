"""The project's name: from the command line or environment, the file's `name`, or the folder (Compose Specification, 04-version-and-name.md)."""

from __future__ import annotations

import os.path
import re

from cais.compose.nodes import MapNode, ScalarNode
from cais.compose.problems import Problems
from cais.errors import CaisError, UsageError

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*\Z")
_FOREIGN = re.compile(r"[^a-z0-9_-]")
_RULE = "a project name has small letters, digits, hyphens and underscores, and begins with a letter or digit"


def project_name(tree: MapNode, given: str | None, directory: str, problems: Problems) -> str:
    """The project's name. Raises UsageError for a given one that is not valid, or when none can be made of the folder."""
    if given:
        return check_given(given)
    node = tree.get("name")
    if isinstance(node, ScalarNode) and node.value:
        name = normalised(str(node.value))
        if not name:
            problems.error(f'"{node.value}" is not a project name', node.span, _RULE)
        elif name != node.value:
            problems.warn(f'the project is named "{name}": "{node.value}" is not a project name', node.span, _RULE)
        return name
    made = normalised(os.path.basename(directory.rstrip("/")))
    if not made:
        raise CaisError(
            "the folder gives no project name", hint="name the project with -p, or with name: in the Compose file"
        )
    return made


def check_given(name: str) -> str:
    """`name` if it is valid. Raises UsageError."""
    if not _NAME.match(name):
        raise UsageError(f'"{name}" is not a project name', hint=f"{_RULE}, such as {normalised(name) or 'app'}")
    return name


def normalised(name: str) -> str:
    """A name made valid: small letters, other characters left out."""
    return _FOREIGN.sub("", name.lower()).lstrip("_-")
