"""Rules about what the instructions of a stage do."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from cais.dockerfile.expand import required_variables
from cais.dockerfile.expansion import expanded_words
from cais.dockerfile.instructions import (
    Add,
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    Expose,
    Healthcheck,
    Instruction,
    Shell,
    Stage,
    Workdir,
)
from cais.dockerfile.rules.model import Remark, Subject
from cais.dockerfile.secretnames import looks_secret
from cais.dockerfile.suggest import did_you_mean, nearest

_ALWAYS_THERE = frozenset(
    {"PATH"}
    | {f"{name}_PROXY" for name in ("HTTP", "HTTPS", "FTP", "NO", "ALL")}
    | {f"{name}_proxy" for name in ("http", "https", "ftp", "no", "all")}
)
_PORT = re.compile(r"[0-9]+(?:-[0-9]+)?(?:/[A-Za-z]+)?")


def json_args_recommended(subject: Subject) -> Iterator[Remark]:
    """CMD and ENTRYPOINT in shell form, unless SHELL was chosen on purpose."""
    for stage in subject.dockerfile.stages:
        chosen = any(isinstance(each, Shell) for ancestor in subject.ancestry(stage) for each in ancestor.instructions)
        for instruction in stage.instructions:
            if isinstance(instruction, Cmd | Entrypoint) and instruction.command.shell and not chosen:
                keyword = type(instruction).__name__.upper()
                message = f"{keyword} in shell form runs under a shell, which does not pass signals on"
                yield Remark(message, instruction.span, f'write {keyword} ["PROGRAM", "ARGUMENT"]')


def multiple_instructions_disallowed(subject: Subject) -> Iterator[Remark]:
    """A CMD, ENTRYPOINT or HEALTHCHECK that a later one of the stage replaces."""
    for stage in subject.dockerfile.stages:
        for kind in (Cmd, Entrypoint, Healthcheck):
            found = [each for each in stage.instructions if isinstance(each, kind)]
            for instruction in found[:-1]:
                keyword = type(instruction).__name__.upper()
                message = f"this {keyword} has no effect: the stage has a later one"
                yield Remark(message, instruction.span, "remove it")


def workdir_relative_path(subject: Subject) -> Iterator[Remark]:
    """A relative WORKDIR where it depends on the base image what it is relative to."""
    for stage in subject.dockerfile.stages:
        known = any(isinstance(each, Workdir) for above in subject.ancestry(stage)[1:] for each in above.instructions)
        for instruction in stage.instructions:
            if not isinstance(instruction, Workdir):
                continue
            path = instruction.path.strip("\"'")
            if not known and not path.startswith(("/", "$")):
                message = f'working directory "{instruction.path}" is relative to the one of the base image'
                yield Remark(message, instruction.span, "begin it with /")
            known = True


def undefined_var(subject: Subject) -> Iterator[Remark]:
    """A variable that neither ARG nor ENV nor the base sets. For a base that is not at hand: only names that look mistyped."""
    for stage in subject.dockerfile.stages:
        known, complete = _inherited(subject, stage)
        for instruction in stage.instructions:
            for name in _required(instruction, subject.dockerfile.escape):
                if name in known or (not complete and nearest(name, sorted(known - _ALWAYS_THERE)) is None):
                    continue
                hint = did_you_mean(name, sorted(known), f"add ARG {name}, or ENV {name}=VALUE, above")
                yield Remark(f'variable "{name}" is not set here', instruction.span, hint)
            known |= _set_by(instruction)


def secrets_used_in_arg_or_env(subject: Subject) -> Iterator[Remark]:
    """ARG or ENV whose name says that it holds a secret."""
    for instruction in subject.all_instructions():
        for name in sorted(_set_by(instruction)):
            if looks_secret(name):
                keyword = type(instruction).__name__.upper()
                message = f'{keyword} "{name}" looks like a secret, and would stay in the image or its history'
                yield Remark(message, instruction.span, f"use RUN --mount=type=secret,id={name.lower()},env={name}")


def copy_ignored_file(subject: Subject) -> Iterator[Remark]:
    """A COPY or ADD of something the ignore file leaves out."""
    matcher = subject.ignore
    if matcher is None or matcher.has_exceptions:
        return
    for instruction in subject.all_instructions():
        if not isinstance(instruction, Add | Copy) or (isinstance(instruction, Copy) and instruction.from_):
            continue
        for source in instruction.sources:
            path = posixpath.normpath(source).lstrip("/")
            if "://" not in source and "$" not in source and matcher.ignores(path):
                keyword = type(instruction).__name__.upper()
                message = f'{keyword} "{source}" names a file that the ignore file leaves out'
                yield Remark(message, instruction.span, "change the ignore file, or copy something else")


def expose_proto_casing(subject: Subject) -> Iterator[Remark]:
    """`EXPOSE 80/TCP`."""
    for instruction, port in _ports(subject):
        protocol = port.partition("/")[2]
        if "$" not in protocol and protocol != protocol.lower():
            hint = f'write "{port.lower()}"'
            yield Remark(f'protocol "{protocol}" is not in lower case', instruction.span, hint)


def expose_invalid_format(subject: Subject) -> Iterator[Remark]:
    """`EXPOSE 127.0.0.1:80:80`."""
    for instruction, port in _ports(subject):
        if "$" not in port and not _PORT.fullmatch(port.strip("\"'")):
            hint = "write PORT or PORT/PROTOCOL; addresses and host ports are given when the container is run"
            yield Remark(f'"{port}" is no port', instruction.span, hint)


def _ports(subject: Subject) -> Iterator[tuple[Expose, str]]:
    for instruction in subject.all_instructions():
        if isinstance(instruction, Expose):
            yield from ((instruction, port) for port in instruction.ports)


def _required(instruction: Instruction, escape: str) -> tuple[str, ...]:
    names = (
        name
        for word, reading in expanded_words(instruction)
        for name in required_variables(word, escape=escape if reading.quotes else "\\", reading=reading)
    )
    return tuple(dict.fromkeys(names))


def _inherited(subject: Subject, stage: Stage) -> tuple[frozenset[str], bool]:
    """The variables set when the stage begins, and whether these are all."""
    *_, root = ancestry = subject.ancestry(stage)
    names = set(_ALWAYS_THERE)
    for ancestor in ancestry[1:]:
        names.update(*(_set_by(each) for each in ancestor.instructions if isinstance(each, Env)))
    base = frozenset[str]() if root.base.image == "scratch" else subject.base_variables(root.base.image)
    return frozenset(names) | (base or frozenset()), base is not None


def _set_by(instruction: Instruction) -> frozenset[str]:
    if isinstance(instruction, Arg):
        return frozenset(name for name, _ in instruction.arguments)
    return frozenset(name for name, _ in instruction.variables) if isinstance(instruction, Env) else frozenset()
