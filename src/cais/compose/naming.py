"""The project's name: from the command line or environment, the file's `name`, or the folder (Compose Specification, 04-version-and-name.md)."""

from __future__ import annotations

import os.path
import re
from collections.abc import Mapping, Sequence

from cais.compose import yamlreader
from cais.compose.interpolate import interpolate
from cais.compose.nodes import MapNode, ScalarNode
from cais.compose.problems import Problems
from cais.errors import CaisError, UsageError

VARIABLE = "COMPOSE_PROJECT_NAME"

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*\Z")
_NAME_LINE = re.compile(r"^name:[ \t].*$", re.MULTILINE)
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


def foreseen(texts: Sequence[str], env: Mapping[str, str], directory: str) -> str:
    """The name that files will turn out to give, for their own `${COMPOSE_PROJECT_NAME}`: read from the line `name:` alone, before they are parsed."""
    lines = [found[0] for text in texts for found in _NAME_LINE.finditer(text)]
    unread = Problems()  # what is wrong with the line is told when the file is read
    for line in reversed(lines):
        for tree in yamlreader.read(line, "", unread):
            node = interpolate(tree, env, unread)
            name = node.get("name") if isinstance(node, MapNode) else None
            if isinstance(name, ScalarNode) and isinstance(name.value, str) and normalised(name.value):
                return normalised(name.value)
    return normalised(os.path.basename(directory.rstrip("/")))


def check_given(name: str) -> str:
    """`name` if it is valid. Raises UsageError."""
    if not _NAME.match(name):
        raise UsageError(f'"{name}" is not a project name', hint=f"{_RULE}, such as {normalised(name) or 'app'}")
    return name


def normalised(name: str) -> str:
    """A name made valid: small letters, other characters left out."""
    return _FOREIGN.sub("", name.lower()).lstrip("_-")
