"""The flags of a build that `cais build` and `cais image build` share, and their notations (those of `docker buildx build`)."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from cais.errors import UsageError

if TYPE_CHECKING:
    from cais.build.check import Checked
    from cais.build.failure import StepFailed
    from cais.cli.wire import Wire
    from cais.events import EventSink

KINDS_OF_PROGRESS = ("auto", "tty", "plain", "json", "quiet")


def add_common_flags(parser: argparse.ArgumentParser) -> None:
    """What is said alike of the build of a folder and of a project's services."""
    add = parser.add_argument
    add("--build-arg", action="append", default=[], metavar="NAME=VALUE",
        help="a build argument; without a value the environment's")  # fmt: skip
    add("--no-cache", action="store_true", help="run every step again")
    add("--pull", action="store_true", help="ask for newer base images")
    add("--no-host-ca", action="store_true", help="do not offer this machine's CA certificates and proxies to RUN")
    add("-q", "--quiet", action="store_true", help="no progress; print the images' ids")
    add("--ssh", action="append", default=[], metavar="ID[=SOCKET|KEY,...]",
        help="an SSH agent, or keys, for RUN --mount=type=ssh")  # fmt: skip
    add("--check", action="store_true", help="check the Dockerfile, build nothing; ends with 1 when something is found")
    add("--format", choices=("text", "json", "sarif"), default="text", help="how --check tells what it found")
    add("--explain", action="store_true", help="say of each step whether it was cached, and if not why")
    add("--shell-on-error", action="store_true",
        help="open a shell in what a failed RUN left, with its mounts and variables")  # fmt: skip
    add("--progress", choices=KINDS_OF_PROGRESS, help="how progress is shown (also before the command)")


@contextlib.contextmanager
def shown(wire: Wire, args: argparse.Namespace) -> Iterator[EventSink]:
    """A progress view for the block. After it, also after a failure, what --explain and --shell-on-error ask for."""
    from cais.build.failure import StepFailed
    from cais.cli.view.explained import Explaining

    view = wire.view(quiet=args.quiet, kind=args.progress)
    explaining = Explaining(view)
    try:
        yield explaining if args.explain else view
    except StepFailed as failure:
        view.close()
        if args.shell_on_error and failure.open_shell is not None:
            _open_shell(failure)
        raise
    finally:
        view.close()
        if args.explain:
            sys.stdout.write(explaining.text())


def _open_shell(failure: StepFailed) -> None:
    from cais.cli.view.problems import render_error

    assert failure.open_shell is not None
    sys.stderr.write(render_error(failure, color=sys.stderr.isatty()))
    sys.stderr.write("A shell in what it left; what you change here is lost. `exit` leaves it.\n")
    sys.stderr.flush()
    failure.open_shell()


def report(checked: Sequence[Checked], form: str, *, color: bool) -> int:
    """Print what --check found; the exit code."""
    from cais.cli.view import findings

    if form == "json":
        sys.stdout.write(findings.as_json(checked))
    elif form == "sarif":
        sys.stdout.write(findings.as_sarif(checked))
    else:
        sys.stdout.write(findings.as_text(checked, color=color))
    return 1 if any(each.findings for each in checked) else 0


def pairs(words: Iterable[str], flag: str) -> dict[str, str | None]:
    """`NAME=VALUE` words; None for a name alone. Raises UsageError."""
    found: dict[str, str | None] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not name:
            raise UsageError(f'{flag} wants NAME=VALUE, not "{word}"')
        found[name] = value if equals else None
    return found


def labels(words: Iterable[str]) -> dict[str, str]:
    """`NAME=VALUE` words; a name alone has an empty value."""
    return {name: value or "" for name, value in pairs(words, "--label").items()}


def fields(text: str, flag: str, known: Iterable[str]) -> dict[str, str]:
    """`name=value,name=value` (a field in double quotes may hold commas, RFC 4180); "" for a bare name. Raises UsageError."""
    import csv

    found: dict[str, str] = {}
    for field in next(csv.reader([text]), []):
        name, _, value = field.partition("=")
        if name.lower() not in known:
            raise UsageError(f'{flag} has no field "{name}"', hint="the fields are " + ", ".join(known))
        found[name.lower()] = value
    return found


def secrets(words: Iterable[str], environment: Mapping[str, str]) -> dict[str, bytes | str]:
    """`id=NAME[,src=FILE][,env=VARIABLE][,type=file|env]`: the content of a variable, or the path of a file.

    Without a source, the variable of the secret's name, else the file. Raises UsageError.
    """
    found: dict[str, bytes | str] = {}
    for word in words:
        given = fields(word, "--secret", ("id", "src", "source", "env", "type"))
        name, source = given.get("id", ""), given.get("src") or given.get("source", "")
        variable = given.get("env", "")
        if not name:
            raise UsageError(f'--secret "{word}" has no id', hint="write --secret id=NAME,src=FILE")
        if given.get("type", "file") not in ("file", "env"):
            raise UsageError(f'--secret has no type "{given["type"]}"', hint="write type=file or type=env")
        if given.get("type") == "env":
            variable = variable or source or name
        elif not source and not variable and name in environment:
            variable = name
        if variable:
            found[name] = environment.get(variable, "").encode(errors="surrogateescape")
        else:
            found[name] = _existing(source or name, f'secret "{name}"')
    return found


def _existing(path: str, what: str) -> str:
    absolute = os.path.abspath(os.path.expanduser(path))
    if not os.path.isfile(absolute):
        raise UsageError(f'the file "{path}" of {what} does not exist')
    return absolute


def rights(words: Iterable[str]) -> frozenset[str]:
    """What a build is allowed, checked. Raises UsageError."""
    from cais.build.entitlements import check_known

    check_known(words)
    return frozenset(words)


def hosts(words: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """`NAME:ADDRESS` and `NAME=ADDRESS`; an IPv6 address may stand in brackets. Raises UsageError."""
    found: list[tuple[str, str]] = []
    for word in words:
        name, separator, address = word.partition("=") if "=" in word else word.partition(":")
        if not (name and separator and address):
            raise UsageError(f'--add-host wants NAME:ADDRESS, not "{word}"')
        found.append((name, address.strip("[]")))
    return tuple(found)


def size(text: str | None, flag: str) -> int | None:
    """`64m` in bytes. Raises UsageError."""
    from cais.compose.quantities import parse_size

    found = None if text is None else parse_size(text)
    if text is not None and found is None:
        raise UsageError(f'{flag} cannot be "{text}"', hint="write a size such as 64m")
    return found


def limits(words: Iterable[str]) -> tuple[tuple[str, int, int], ...]:
    """`nofile=1024:2048`: name, soft and hard limit (-1 for none). Raises UsageError."""
    found: list[tuple[str, int, int]] = []
    for word in words:
        name, _, value = word.partition("=")
        soft, colon, hard = value.partition(":")
        try:
            found.append((name, int(soft), int(hard if colon else soft)))
        except ValueError:
            raise UsageError(f'--ulimit cannot be "{word}"', hint="write NAME=SOFT[:HARD]") from None
    return tuple(found)
