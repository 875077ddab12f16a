"""One case to Cais and to Docker Compose, and what differs between their answers."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
from tests.conformance.compose.corpus import FOLDER, HOME, Case

from cais.cli.main import main
from cais.compose.differences import LOADED, REFUSED

RELOAD = ["--project-directory", ".", "-f", "-", "--profile", "*", "--all-resources", "config", "--format", "json"]


class Answer(msgspec.Struct, frozen=True):
    """What a program said."""

    code: int
    stdout: str
    stderr: str


class Workplace:
    """A folder with copies of cases, in which both programs run: with the same path the same project name."""

    def __init__(self, folder: Path, program: str) -> None:
        self._folder = folder
        self._program = program

    def folder(self, case: Case) -> Path:
        """The copy of a case."""
        copy = self._folder / case.name
        if not copy.exists():
            shutil.copytree(FOLDER / case.name, copy)
        return copy

    def ask_both(self, case: Case) -> tuple[Answer, Answer]:
        """Cais's answer and Docker Compose's. Where variables were left in, what Docker Compose makes of both answers afterwards."""
        ours, theirs = self.ask_cais(case, case.words), self.ask_docker(case, case.words)
        if "--no-interpolate" not in case.flags or ours.code or theirs.code:
            return ours, theirs
        return self.reload(case, ours), self.reload(case, theirs)

    def reload(self, case: Case, answer: Answer) -> Answer:
        """What Docker Compose makes of what `config` printed."""
        return self.ask_docker(msgspec.structs.replace(case, stdin=answer.stdout), RELOAD)

    def reload_here(self, case: Case, answer: Answer) -> Answer:
        """What Cais makes of it; it needs no variables any more."""
        again = msgspec.structs.replace(case, stdin=answer.stdout, environment={"HOME": HOME})
        return self.ask_cais(again, RELOAD)

    def ask_cais(self, case: Case, words: list[str]) -> Answer:
        """Cais, in this process."""
        environment = {**case.environment, "CAIS_ROOT": str(self._folder / "root")}
        out, err = io.StringIO(), io.StringIO()
        with (
            _inside(self.folder(case) / case.cwd, environment),
            mock.patch("sys.stdin", io.StringIO(case.stdin or "")),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = main(words)
        return Answer(code, out.getvalue(), err.getvalue())

    def ask_docker(self, case: Case, words: list[str]) -> Answer:
        """Docker Compose."""
        done = subprocess.run(
            [self._program, *words],
            cwd=self.folder(case) / case.cwd,
            env=case.environment,
            input=case.stdin or "",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)


@contextlib.contextmanager
def _inside(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(folder)
    try:
        with mock.patch.dict(os.environ, environment, clear=True):
            yield
    finally:
        os.chdir(before)


def differences(case: Case, ours: Answer, theirs: Answer) -> dict[str, str]:
    """Where the answers differ: paths of values, with both; or who refuses alone, with what it says."""
    if ours.code and theirs.code:
        return {}
    if ours.code or theirs.code:
        return {REFUSED: ours.stderr} if ours.code else {LOADED: theirs.stderr}
    if case.is_list:
        return _lines(ours.stdout, theirs.stdout)
    return dict(_compared("", msgspec.json.decode(ours.stdout), msgspec.json.decode(theirs.stdout)))


def _lines(ours: str, theirs: str) -> dict[str, str]:
    """Lists are compared without their order, which is chance with Docker Compose."""
    mine, other = sorted(_listed(ours)), sorted(_listed(theirs))
    return {} if mine == other else {"the lines": f"{mine} against {other}"}


def _listed(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith(("CAIS_ROOT=", "PWD="))]


def _compared(path: str, ours: Any, theirs: Any) -> Iterator[tuple[str, str]]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted({*ours, *theirs}):
            yield from _compared(f"{path}.{key}".removeprefix("."), ours.get(key, ...), theirs.get(key, ...))
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, (mine, other) in enumerate(zip(_ordered(path, ours), _ordered(path, theirs), strict=True)):
            yield from _compared(f"{path}[{index}]", mine, other)
    elif ours != theirs or type(ours) is not type(theirs):
        yield path, f"{_shown(ours)} against {_shown(theirs)}"


def _ordered(path: str, items: list[Any]) -> list[Any]:
    """The order of ports means nothing, and Docker Compose sorts those of a range as text."""
    return (
        sorted(items, key=lambda item: msgspec.json.encode(item, order="sorted")) if path.endswith(".ports") else items
    )


def _shown(value: Any) -> str:
    return "nothing" if value is ... else msgspec.json.encode(value).decode()
