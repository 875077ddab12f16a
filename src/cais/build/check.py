"""The build checks on the Dockerfile of a request: as warnings of a build, or on their own. Nothing is built."""

from __future__ import annotations

import os

import msgspec

from cais.build.session import Session
from cais.dockerfile.ignorefile import IgnoreMatcher
from cais.dockerfile.rules.model import Finding
from cais.errors import BuildError, CaisError, InvalidDockerfile, NotFoundError, Problem


class Written(msgspec.Struct, frozen=True):
    """A Dockerfile's text, and its name for messages."""

    text: str
    file: str


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What the checks found in a Dockerfile. `is_fatal` when its `check` directive makes findings errors."""

    written: Written
    findings: tuple[Finding, ...]
    is_fatal: bool


def read_dockerfile(session: Session) -> Written:
    """The Dockerfile of the request. Raises NotFoundError, BuildError."""
    request = session.request
    if request.dockerfile_text is not None:
        return Written(request.dockerfile_text, request.text_name)
    if session.main.dockerfile_text is not None:
        return Written(session.main.dockerfile_text, request.context)
    path = os.path.join(session.main.folder, request.dockerfile)
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as stream:
            return Written(stream.read(), path)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise NotFoundError(f'there is no Dockerfile at "{path}"', hint="correct its path, or write one") from None
    except PermissionError as error:
        raise BuildError(f'cannot read the Dockerfile "{path}": {error.strerror}') from error


def check(session: Session, written: Written) -> Checked:
    """Apply the rules. Raises InvalidDockerfile when the Dockerfile, or its ignore file, cannot be read at all."""
    from cais.dockerfile.parser import parse
    from cais.dockerfile.rules.table import directive_settings, lint

    def base_variables(reference: str) -> frozenset[str] | None:
        try:
            image = session.store.find(reference)
        except CaisError:  # no name of an image: the build, or another rule, says so
            return None
        return None if image is None else frozenset(entry.partition("=")[0] for entry in image.config.config.env)

    folder = session.main.folder
    ignore = IgnoreMatcher(session.ignore_patterns(folder, session.request.dockerfile)) if folder else None
    findings = lint(written.text, written.file, ignore=ignore, base_variables=base_variables)
    return Checked(
        written=written,
        findings=findings,
        is_fatal=bool(findings) and directive_settings(parse(written.text, written.file)).error,
    )


def refuse_fatal(checked: Checked) -> None:
    """Raise InvalidDockerfile with all findings when the Dockerfile wants them to be errors."""
    if checked.is_fatal:
        raise InvalidDockerfile(
            [Problem(f"{each.rule}: {each.message}", each.span, each.hint) for each in checked.findings]
        )
