"""Remembers loaded projects, so that a command on unchanged files does not read YAML again.

Loading is a function of the request, the files and some variables of the environment. All three are kept beside the result and compared
before it is used, the files by their whole text. It saves the imports of the loader and the YAML reader besides its work: figures in
docs/decisions/0050.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Mapping

import msgspec

from cais.compose.model.project import Project
from cais.compose.reader import FileReader, utf8
from cais.durable import write
from cais.errors import Problem

FOLDER = "loaded"
ENTRIES = 64
_ALWAYS = ("HOME",)
_PREFIXES = ("COMPOSE_", "DOCKER_")


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a project is loaded by, besides files and environment. `stamp` names the program that loads."""

    stamp: tuple[str, int]
    cwd: str
    files: tuple[str, ...]
    project_directory: str | None
    name: str | None
    env_files: tuple[str, ...]
    profiles: tuple[str, ...]
    services: tuple[str, ...]
    all_resources: bool = False

    @property
    def file_name(self) -> str:
        """Where the answer is kept. Two questions may meet there; the later one stays."""
        data = msgspec.msgpack.encode(self)
        return f"{zlib.crc32(data):08x}{zlib.adler32(data):08x}"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The project, the remarks on the env files, and what both rest on.

    `texts` are the files read, `presence` which paths were there, `variables` the environment as far as it counts, `added` the
    variables that the project has otherwise than the caller (from `.env`).
    """

    question: Question
    texts: Mapping[str, str]
    presence: Mapping[str, bool]
    variables: Mapping[str, str]
    added: Mapping[str, str]
    warnings: tuple[Problem, ...]
    project: Project


class RecordingReader:
    """A `FileReader` that remembers what it was asked and answered."""

    def __init__(self, reader: FileReader) -> None:
        self._reader = reader
        self.texts: dict[str, str] = {}
        self.presence: dict[str, bool] = {}

    def read(self, path: str) -> str:
        """See FileReader."""
        self.presence[path] = False  # as long as reading it fails, to be noticed when it would not
        text = self._reader.read(path)
        self.texts[path] = text
        self.presence[path] = True
        return text

    def exists(self, path: str) -> bool:
        """See FileReader."""
        self.presence[path] = self._reader.exists(path)
        return self.presence[path]


def stamp(version: str, package: str) -> tuple[str, int]:
    """The program: its version, and the newest of the source files that load, because a checkout changes without its version."""
    newest = 0
    for folder in (package, os.path.join(package, "model"), os.path.join(package, "forms")):
        with os.scandir(folder) as entries:
            newest = max([newest, *(entry.stat().st_mtime_ns for entry in entries if entry.name.endswith(".py"))])
    return version, newest


def relevant(env: Mapping[str, str], texts: Mapping[str, str]) -> dict[str, str]:
    """The variables that can matter: those whose name stands in a file, and those that Compose itself looks at."""
    everything = "\n".join(texts.values())
    return {
        name: value
        for name, value in env.items()
        if name in _ALWAYS or name.startswith(_PREFIXES) or _stands_in(name, everything)
    }


def _stands_in(name: str, text: str) -> bool:
    """Whether `name` stands in `text` as a word of its own: `_`, which every shell changes all the time, is in most words."""
    at = text.find(name)
    while at >= 0:
        end = at + len(name)
        if not (_is_word(text[at - 1 : at]) or _is_word(text[end : end + 1])):
            return True
        at = text.find(name, at + 1)
    return False


def _is_word(character: str) -> bool:
    return character == "_" or character.isalnum()


def environment(env: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """The project's environment made again from the caller's."""
    return {**{name: utf8(value) for name, value in env.items()}, **added}


class LoadMemo:
    """Answers kept in a folder of the root. Losing one costs a tenth of a second."""

    def __init__(self, root: str, reader: FileReader) -> None:
        self._folder = os.path.join(root, FOLDER)
        self._reader = reader

    def recall(self, question: Question, env: Mapping[str, str]) -> Answer | None:
        """The answer to `question`, if all it rests on is unchanged."""
        try:
            with open(os.path.join(self._folder, question.file_name), "rb") as stream:
                answer = msgspec.msgpack.decode(stream.read(), type=Answer)
        except (OSError, msgspec.DecodeError):  # none, another user's, or of another version
            return None
        if answer.question != question or not self._holds(answer, env):
            return None
        project = msgspec.structs.replace(answer.project, environment=environment(env, answer.added))
        return msgspec.structs.replace(answer, project=project)

    def keep(
        self,
        question: Question,
        env: Mapping[str, str],
        seen: RecordingReader,
        project: Project,
        warnings: tuple[Problem, ...],
    ) -> None:
        """Keep an answer. A root that cannot be written (another user's, a full disk) is left as it is."""
        plain = {name: utf8(value) for name, value in env.items()}
        answer = Answer(
            question=question,
            texts=seen.texts,
            presence=seen.presence,
            variables=relevant(env, seen.texts),
            added={name: value for name, value in project.environment.items() if plain.get(name) != value},
            warnings=warnings,
            project=msgspec.structs.replace(project, environment={}),
        )
        with contextlib.suppress(OSError):
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            self._make_room()
            # For its owner only: values of `.env` are in it.
            path = os.path.join(self._folder, question.file_name)
            write(path, msgspec.msgpack.encode(answer), mode=0o600, sync=False)

    def _holds(self, answer: Answer, env: Mapping[str, str]) -> bool:
        if answer.variables != relevant(env, answer.texts):
            return False
        if any(self._reader.exists(path) != was_there for path, was_there in answer.presence.items()):
            return False
        try:
            return all(self._reader.read(path) == text for path, text in answer.texts.items())
        except (OSError, UnicodeDecodeError):
            return False

    def _make_room(self) -> None:
        with os.scandir(self._folder) as entries:
            oldest_first = sorted(entries, key=lambda entry: entry.stat().st_mtime_ns)
        for entry in oldest_first[: -ENTRIES + 1]:
            os.unlink(entry.path)
