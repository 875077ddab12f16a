"""The corpus: a folder a case, with a Dockerfile, `case.toml` (why, and how it is called) and files of its own if it needs some.

    case.toml   why       one line: what is odd about it
                flags     as after `docker build`; paths are relative to the context
                context   a folder of `contexts/` that is laid below the case's own files (default: common; "none" for no more)
                builder   docker (default), or buildkit for what Docker's engine is too old for
                refused   true when both must refuse it

`prepare.sh` of a context or a case is run in the copy of the folder: for modes, owners and kinds of files that git does not keep. A
`Dockerfile.base` is built first, by Cais, and given to both as `case/base:1`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import msgspec

FOLDER = Path(__file__).parent / "corpus"
CONTEXTS = Path(__file__).parent / "contexts"
BASE_NAME = "case/base:1"
_CONTROL = ("case.toml", "prepare.sh", "Dockerfile.base")


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a case is called."""

    why: str
    flags: tuple[str, ...] = ()
    context: str = "common"
    builder: str = "docker"
    refused: bool = False


def names() -> list[str]:
    """Every case."""
    return sorted(path.name for path in FOLDER.iterdir() if path.is_dir())


def read(name: str) -> Case:
    """One case."""
    return msgspec.convert(tomllib.loads((FOLDER / name / "case.toml").read_text()), Case)


def base_of(name: str) -> str | None:
    """The text of the base image's Dockerfile, if the case has one."""
    path = FOLDER / name / "Dockerfile.base"
    return path.read_text() if path.exists() else None


def lay_out(name: str, case: Case, folder: Path) -> None:
    """The case's context in the empty `folder`."""
    for source in (CONTEXTS / case.context, FOLDER / name):
        if case.context == "none" and source.parent == CONTEXTS:
            continue
        shutil.copytree(source, folder, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*_CONTROL))
        script = source / "prepare.sh"
        if script.exists():
            environment = {**os.environ, "LC_ALL": "C.UTF-8"}
            subprocess.run(["sh", "-eu", str(script)], cwd=folder, env=environment, check=True, umask=0o022)
