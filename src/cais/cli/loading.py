"""The project that a command line means: remembered, or found and loaded."""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec

from cais import compose
from cais.cli.diskreader import DiskReader
from cais.cli.loadmemo import LoadMemo, Question, RecordingReader, stamp
from cais.cli.options import GlobalOptions
from cais.compose.model.project import Project
from cais.errors import Problem
from cais.locations import Locations
from cais.version import VERSION


class Loaded(msgspec.Struct, frozen=True):
    """A project and the loader's remarks."""

    project: Project
    warnings: tuple[Problem, ...]


def load(
    options: GlobalOptions, env: Mapping[str, str], cwd: str, services: tuple[str, ...], locations: Locations
) -> Loaded:
    """The project. Raises NotFoundError when there is no Compose file, InvalidProject with all that is wrong."""
    reader = DiskReader()
    memo, question = LoadMemo(locations.root, reader), _question(options, cwd, services)
    answer = memo.recall(question, env) if "-" not in options.files else None
    if answer is not None:
        return Loaded(answer.project, (*answer.warnings, *answer.project.warnings))
    from cais.cli.projects import find_project, load_project

    seen = RecordingReader(reader)
    found = find_project(options, env, cwd, seen)
    project = load_project(found, services, locations, seen, keep_unused=options.all_resources)
    if "-" not in options.files:
        memo.keep(question, env, seen, project, found.warnings)
    return Loaded(project, (*found.warnings, *project.warnings))


def given_name(options: GlobalOptions, env: Mapping[str, str]) -> str | None:
    """The project's name when no file is needed to know it."""
    return options.project_name or env.get("COMPOSE_PROJECT_NAME") or None


def _question(options: GlobalOptions, cwd: str, services: tuple[str, ...]) -> Question:
    return Question(
        stamp=stamp(VERSION, os.path.dirname(str(compose.__file__))),
        cwd=cwd,
        files=options.files,
        project_directory=options.project_directory,
        name=options.project_name,
        env_files=options.env_files,
        profiles=options.profiles,
        services=services,
        all_resources=options.all_resources,
    )
