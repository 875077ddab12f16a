"""What can go wrong, told so that a reader can act.

    CaisError                     what failed, where (span), what to do (hint); exit code 1
     +-- UsageError               the command line is wrong: fix the call                       exit 16
     +-- NotFoundError            a named project file, service, image, ... does not exist      exit 14
     +-- InvalidInput             a file is wrong: fix the file; carries every problem found    exit 15
     |    +-- InvalidProject      a Compose file or an env file
     |    +-- InvalidDockerfile   a Dockerfile or an ignore file
     |    +-- InvalidImage        an image, layer, manifest or archive (hostile until proven otherwise)
     +-- BuildError               a build step failed: fix the Dockerfile or the sources        exit 17
     +-- PullError                an image could not be had: import one, or reach a registry     exit 18
     +-- HostError                this machine lacks something: install it or free it
     |    +-- MissingTool         a program is not installed; the hint is the command that installs it
     |    +-- PermissionNeeded    needs root or a right
     |    +-- NoSpace             the disk is full
     |    +-- PortInUse           a host port is taken; says by what
     +-- ServiceFailed            a service died or never became healthy; carries its last log lines
     +-- CannotExecute            a command cannot be run inside a container: as a shell says it     exit 127
     +-- Conflict                 something exists and is otherwise than asked; nothing was changed
     +-- Interrupted              the user pressed Ctrl-C                                        exit 130
     +-- InternalError            a bug in Cais: report it                                       exit 70

Exit codes 14 to 18 are those of `docker compose`. Classes follow what the reader can do about it.
Messages start in lower case, name the thing in double quotes, and have no full stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec


class Span(msgspec.Struct, frozen=True, order=True):
    """A place in a text file. `line` and `column` count from 1, `column` and `length` in characters."""

    file: str
    line: int
    column: int = 1
    length: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Problem(msgspec.Struct, frozen=True):
    """One thing wrong with an input: the message, the place, and the remedy."""

    message: str
    span: Span | None = None
    hint: str | None = None

    def __str__(self) -> str:
        return f"{self.span}: {self.message}" if self.span else self.message


class CaisError(Exception):
    """Something failed that the reader can do something about."""

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        span: Span | None = None,
        hint: str | None = None,
        details: Sequence[str] = (),
    ) -> None:
        """`details` are lines shown below the message as they are: output, log lines, a table."""
        super().__init__(message)
        self.message = message
        self.span = span
        self.hint = hint
        self.details = tuple(details)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong, one entry a problem; at least one."""
        return (Problem(self.message, self.span, self.hint),)

    def __str__(self) -> str:
        return f"{self.span}: {self.message}" if self.span else self.message


class UsageError(CaisError):
    """The command line is wrong."""

    exit_code = 16


class NotFoundError(CaisError):
    """A thing the user named does not exist."""

    exit_code = 14


class InvalidInput(CaisError):
    """A file given by the user is wrong. Carries every problem found, not only the first."""

    exit_code = 15

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        super().__init__(first.message, span=first.span, hint=first.hint)
        self._problems = tuple(problems)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every problem found in the file, in the order of the text."""
        return self._problems


class InvalidProject(InvalidInput):
    """A Compose file, an env file or what they say together is wrong."""


class InvalidDockerfile(InvalidInput):
    """A Dockerfile or an ignore file is wrong."""


class InvalidImage(InvalidInput):
    """An image, a layer, a manifest or an archive is malformed or hostile."""


class BuildError(CaisError):
    """A build step failed."""

    exit_code = 17


class PullError(CaisError):
    """An image is neither in the store nor to be had."""

    exit_code = 18


class HostError(CaisError):
    """This machine lacks something Cais needs."""


class MissingTool(HostError):
    """A program is not installed; the hint is the command that installs it."""


class PermissionNeeded(HostError):
    """The operation needs root or a right the caller does not have."""


class NoSpace(HostError):
    """The disk or the quota is full."""


class PortInUse(HostError):
    """The host port `port` is taken; the message says by what."""

    def __init__(self, message: str, *, port: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.port = port


class ServiceFailed(CaisError):
    """A service died or did not become healthy; `details` are its last log lines."""


class CannotExecute(CaisError):
    """A command cannot be run inside a container."""

    exit_code = 127


class Conflict(CaisError):
    """Something exists already and is not what was asked for."""


class Interrupted(CaisError):
    """The user interrupted the command."""

    exit_code = 130


class InternalError(CaisError):
    """A bug in Cais."""

    exit_code = 70


def printable(text: str) -> str:
    """`text` of strangers without what would steer a terminal: control characters, and those that reverse or hide text, stand as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
