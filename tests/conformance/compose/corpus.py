"""The corpus: one folder a case, with its Compose files and

why          one line: what is looked at
args         words before `config` (by default none)
flags        words after it (by default none); without one that prints a list, the project is compared as JSON
environment  NAME=value lines; nothing else of the environment is seen
stdin        what standard input gives
cwd          the folder in which the command is run
"""

from __future__ import annotations

import shlex
from pathlib import Path

import msgspec

FOLDER = Path(__file__).parent / "cases"
HOME = "/home/ana"
LISTS = {"--services", "--volumes", "--networks", "--images", "--models", "--profiles", "--environment", "-q"}


class Case(msgspec.Struct, frozen=True):
    """One folder."""

    name: str
    why: str
    args: tuple[str, ...]
    flags: tuple[str, ...]
    environment: dict[str, str]
    stdin: str | None
    cwd: str

    @property
    def is_list(self) -> bool:
        """Whether it prints lines instead of a project."""
        return bool(LISTS & set(self.flags))

    @property
    def words(self) -> list[str]:
        """The command line, without the program."""
        form = [] if self.is_list else ["--format", "json"]
        return [*self.args, "config", *form, *self.flags]


def cases() -> list[Case]:
    """All of them."""
    return [_read(folder) for folder in sorted(FOLDER.iterdir())]


def _read(folder: Path) -> Case:
    def text(name: str) -> str:
        path = folder / name
        return path.read_text().strip() if path.exists() else ""

    lines = [line.partition("=") for line in text("environment").splitlines()]
    stdin = folder / "stdin"
    return Case(
        name=folder.name,
        why=text("why"),
        args=tuple(shlex.split(text("args"))),
        flags=tuple(shlex.split(text("flags"))),
        environment={"HOME": HOME, "PATH": "/usr/bin:/bin", **{name: value for name, _, value in lines}},
        stdin=stdin.read_text() if stdin.exists() else None,
        cwd=text("cwd") or ".",
    )
