"""Finds what to load: the Compose files, the project directory, the environment with `.env`, the name given, the profiles.

As Docker Compose does it (Compose CLI reference, "docker compose", and "Pre-defined environment variables"). Pure, given a reader.
"""

from __future__ import annotations

import os.path
from collections.abc import Mapping, Sequence

import msgspec

from cais.compose import dotenv, naming
from cais.compose.loader import STANDARD_INPUT, Source
from cais.compose.problems import Problems
from cais.compose.reader import FileReader
from cais.compose.scalars import as_boolean
from cais.compose.variables import Variables
from cais.errors import NotFoundError, Problem

DEFAULT_FILES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDE_FILES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says. `files` are those of -f, `stdin` the text of "-"; None or empty: not said."""

    cwd: str
    env: Mapping[str, str]
    files: tuple[str, ...] = ()
    project_directory: str | None = None
    name: str | None = None
    env_files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    stdin: str | None = None


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """What `load` is to be given. `name` is None when the file or the folder decides; `warnings` are remarks on the env files."""

    sources: tuple[Source, ...]
    directory: str
    env: Variables
    name: str | None
    profiles: tuple[str, ...]
    warnings: tuple[Problem, ...] = ()


def discover(request: Request, reader: FileReader) -> Discovery:
    """Find the project. Raises NotFoundError when there is none, InvalidProject for a wrong env file, UsageError for a wrong name."""
    problems = Problems()
    # the .env beside the caller, or beside the file of -f, may say where the Compose files are and what they are called
    first = _directory(request, request.files)
    env = _with_env_files(Variables(request.env), request, first, reader, problems)
    paths = _paths(request, env, reader, problems)
    directory = _directory(request, paths)
    if not _named_env_files(request) and directory != first:
        env = _with_env_files(env, request, directory, reader, problems)
    problems.raise_if_any()
    name = request.name or env.get(naming.VARIABLE) or None
    profiles = request.profiles or tuple(
        part.strip() for part in env.get("COMPOSE_PROFILES", "").split(",") if part.strip()
    )
    sources = tuple(
        Source(_shown(path, request.cwd), path, request.stdin if path == STANDARD_INPUT else None) for path in paths
    )
    return Discovery(
        sources=sources,
        directory=directory,
        env=env,
        name=naming.check_given(name) if name else None,
        profiles=profiles,
        warnings=tuple(problems.warnings),
    )


def _absolute(path: str, cwd: str) -> str:
    return os.path.normpath(os.path.join(cwd, path))


def _shown(path: str, cwd: str) -> str:
    """A path below the caller's folder, or a few steps above it, is shown relative to it."""
    if path == STANDARD_INPUT:
        return path
    relative = os.path.relpath(path, cwd)
    return path if relative.startswith("../../..") else relative


def _paths(request: Request, env: Mapping[str, str], reader: FileReader, problems: Problems) -> tuple[str, ...]:
    named = request.files
    if not named and env.get("COMPOSE_FILE"):
        named = tuple(
            part for part in env["COMPOSE_FILE"].split(env.get("COMPOSE_PATH_SEPARATOR") or os.pathsep) if part
        )
    if named:
        return tuple(path if path == STANDARD_INPUT else _absolute(path, request.cwd) for path in named)
    start = _absolute(request.project_directory, request.cwd) if request.project_directory else request.cwd
    found = _default_files(start, reader, problems)
    if found:
        return found
    message = f'no Compose file in "{start}" or a folder above it'
    raise NotFoundError(
        message, hint=f"go to the project's folder, or name the file with -f; looked for {', '.join(DEFAULT_FILES)}"
    )


def _default_files(start: str, reader: FileReader, problems: Problems) -> tuple[str, ...]:
    folder = start
    while True:
        main = _first(folder, DEFAULT_FILES, reader, problems)
        if main is not None:
            override = _first(folder, OVERRIDE_FILES, reader, problems)
            return (main,) if override is None else (main, override)
        parent = os.path.dirname(folder)
        if parent == folder:
            return ()
        folder = parent


def _first(folder: str, names: Sequence[str], reader: FileReader, problems: Problems) -> str | None:
    found = [name for name in names if reader.exists(os.path.join(folder, name))]
    if len(found) > 1:
        hint = "remove the others, or name the files with -f"
        problems.warn(f'"{found[0]}" is used; {", ".join(found[1:])} beside it are not', None, hint)
    return os.path.join(folder, found[0]) if found else None


def _directory(request: Request, paths: Sequence[str]) -> str:
    """The project directory: what the command line says, else the folder of the first file."""
    if request.project_directory is not None:
        return _absolute(request.project_directory, request.cwd)
    first = next((path for path in paths if path != STANDARD_INPUT), None)
    return request.cwd if first is None else os.path.dirname(_absolute(first, request.cwd))


def _named_env_files(request: Request) -> tuple[str, ...]:
    return request.env_files or tuple(part for part in request.env.get("COMPOSE_ENV_FILES", "").split(",") if part)


def _with_env_files(env: Variables, request: Request, folder: str, reader: FileReader, problems: Problems) -> Variables:
    """`env` and behind it what env files say: the process's environment goes first. Without any named, `folder`'s .env is read if it is there."""
    named = _named_env_files(request)
    if not named:
        default = os.path.join(folder, ".env")
        if as_boolean(env.get("COMPOSE_DISABLE_ENV_FILE")) or not reader.exists(default):
            return env
        named = (default,)
    found: dict[str, dotenv.Setting] = {}
    for name in named:
        path = _absolute(name, request.cwd)
        text = _env_text(name, path, reader)
        found |= dotenv.parse(text, _shown(path, request.cwd), {**dotenv.values(found), **env}, problems)
    return dotenv.below(env, found)


def _env_text(name: str, path: str, reader: FileReader) -> str:
    try:
        return reader.read(path)
    except FileNotFoundError as error:
        raise NotFoundError(
            f'the env file "{name}" does not exist', hint="check the path given with --env-file"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise NotFoundError(
            f'the env file "{name}" cannot be read', hint="it must be a readable UTF-8 text file"
        ) from error
