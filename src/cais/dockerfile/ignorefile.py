"""`.dockerignore`: which paths of a build context are left out (Dockerfile reference, ".dockerignore files"; moby's pattern matcher).

Paths are relative to the context's root, with `/` between parts and none at the ends. The last pattern that matches a path or
one of its parents decides.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from itertools import groupby

import msgspec

from cais.dockerfile.pathpattern import regex
from cais.errors import InvalidDockerfile, Problem, Span


class Pattern(msgspec.Struct, frozen=True):
    """One line: the cleaned pattern, and whether it brings files back (`!`)."""

    text: str
    exception: bool
    span: Span


def parse(text: str, file: str = ".dockerignore") -> tuple[Pattern, ...]:
    """Read an ignore file. Raises InvalidDockerfile with every pattern that cannot be read."""
    patterns: list[Pattern] = []
    problems: list[Problem] = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if line.startswith("#") or not line.strip():
            continue
        written = line.strip()
        span = Span(file, number, len(line) - len(line.lstrip()) + 1, len(written))
        exception = written.startswith("!")
        pattern = written[1:].strip() if exception else written
        if not pattern:
            problems.append(Problem('"!" stands alone', span, "write the pattern behind it, or remove the line"))
            continue
        cleaned = _cleaned(pattern)
        if cleaned == ".":
            continue  # the reference leaves it without meaning: the context itself cannot be ignored
        try:
            regex(cleaned)
        except ValueError as error:
            problems.append(
                Problem(f'cannot read the pattern "{pattern}": {error}', span, "close it, or escape it with \\")
            )
            continue
        patterns.append(Pattern(cleaned, exception, span))
    if problems:
        raise InvalidDockerfile(problems)
    return tuple(patterns)


def find(dockerfile: str, read: Callable[[str], str | None]) -> tuple[Pattern, ...]:
    """The patterns for the Dockerfile at path `dockerfile`: of `<dockerfile>.dockerignore` beside it, else of `.dockerignore`.

    `read` gives a file's text by a path relative to the context's root, None when there is none.
    """
    for name in (f"{dockerfile}.dockerignore", ".dockerignore"):
        text = read(name)
        if text is not None:
            return parse(text, name)
    return ()


class _Run(msgspec.Struct, frozen=True):
    """Neighbouring patterns with the same meaning: one regular expression asks for all of them."""

    exception: bool
    patterns: tuple[str, ...]
    matches: Callable[[str], re.Match[str] | None]


class IgnoreMatcher:
    """Answers for one context. Not thread-safe: it remembers what it said of folders."""

    __slots__ = ("_decisive_for", "_runs")

    def __init__(self, patterns: tuple[Pattern, ...]) -> None:
        self._runs = tuple(
            _run(exception, tuple(pattern.text for pattern in group))
            for exception, group in groupby(patterns, key=lambda pattern: pattern.exception)
        )
        self._decisive_for: dict[str, int] = {"": -1}

    @property
    def has_exceptions(self) -> bool:
        """Whether any pattern brings files back."""
        return any(run.exception for run in self._runs)

    def ignores(self, path: str, is_dir: bool = False) -> bool:  # noqa: ARG002 - callers know it, moby asks not
        """Whether the file or folder is left out. `is_dir` changes nothing: a pattern's trailing slash has no meaning."""
        decisive = self._decisive(path)
        return decisive >= 0 and not self._runs[decisive].exception

    def may_skip(self, directory: str) -> bool:
        """Whether all in a folder is ignored, so that it need not be read: it is ignored, and no later `!` can match beneath."""
        decisive = self._decisive(directory)
        if decisive < 0 or self._runs[decisive].exception:
            return False
        later = (pattern for run in self._runs[decisive + 1 :] if run.exception for pattern in run.patterns)
        return not any(_may_match_beneath(pattern, directory) for pattern in later)

    def _decisive(self, path: str) -> int:
        """The index of the last run that matches the path or a parent, -1 for none."""
        # All neighbours ask for their folder's answer, nobody again for a file's: only folders are remembered.
        folder = path.rpartition("/")[0]
        inherited = self._decisive_for.get(folder)
        if inherited is None:
            inherited = self._decisive_for[folder] = self._decisive(folder)
        for index in range(len(self._runs) - 1, inherited, -1):
            if self._runs[index].matches(path):
                return index
        return inherited


def _run(exception: bool, patterns: tuple[str, ...]) -> _Run:
    return _Run(exception, patterns, re.compile("|".join(map(regex, patterns)), re.DOTALL).match)


def _cleaned(pattern: str) -> str:
    cleaned = posixpath.normpath(pattern)
    # normpath keeps a double slash at the start, which only POSIX gives a meaning
    return cleaned.lstrip("/") or "/"


def _may_match_beneath(pattern: str, directory: str) -> bool:
    """Whether `pattern` can match something in `directory`: its parts must match the folder's, and go on."""
    parts = pattern.split("/")
    names = directory.split("/")
    for part, name in zip(parts, names, strict=False):
        if "**" in part:
            return True
        # An escaped or bracketed slash has been split apart: such a part is no pattern, and anything may match.
        try:
            if not re.match(regex(part), name, re.DOTALL):
                return False
        except ValueError:
            return True
    return len(parts) > len(names)
