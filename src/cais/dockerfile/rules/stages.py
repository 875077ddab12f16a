"""Rules about stages and their bases."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cais.dockerfile.expand import expand, required_variables
from cais.dockerfile.instructions import Arg, From
from cais.dockerfile.rules.model import Remark, Subject
from cais.dockerfile.suggest import did_you_mean
from cais.errors import InvalidDockerfile

_RESERVED = ("context", "scratch")
_PLATFORM_ARGUMENTS = frozenset(
    f"{side}{part}" for side in ("BUILD", "TARGET") for part in ("PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT")
) | {"TARGETSTAGE"}
# The reference grammar of the distribution project, coarsely: enough to tell a name from what is left of one without its variable.
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:[a-zA-Z0-9.-]+(?::[0-9]+)?/)?{_PART}(?:/{_PART})*(?::[\w][\w.-]{{0,127}})?(?:@[a-z0-9]+:[0-9a-fA-F]{{32,}})?",
    re.ASCII,
)


def duplicate_stage_name(subject: Subject) -> Iterator[Remark]:
    """Two stages of one name."""
    seen: dict[str, From] = {}
    for base, _ in subject.bases():
        if base.name in seen:
            message = f'stage name "{base.name}" is used on line {seen[base.name].span.line} already'
            yield Remark(message, base.span, "give each stage its own name")
        elif base.name:
            seen[base.name] = base


def reserved_stage_name(subject: Subject) -> Iterator[Remark]:
    """A stage named `scratch` or `context`."""
    for base, _ in subject.bases():
        if base.name in _RESERVED:
            yield Remark(f'stage name "{base.name}" is reserved', base.span, "choose another name")


def undefined_arg_in_from(subject: Subject) -> Iterator[Remark]:
    """A variable in FROM that no ARG before the first FROM declares."""
    for base, arguments in subject.bases():
        declared = _declared(arguments)
        for name in _used(subject, base):
            if name not in declared:
                hint = did_you_mean(
                    name, sorted(declared - _PLATFORM_ARGUMENTS), f"add ARG {name}=DEFAULT before the first FROM"
                )
                yield Remark(f'FROM uses "{name}", which no ARG before the first FROM declares', base.span, hint)


def invalid_default_arg_in_from(subject: Subject) -> Iterator[Remark]:
    """A FROM that names no valid image unless a build argument is given."""
    for base, arguments in subject.bases():
        if "$" not in base.image or not set(_used(subject, base)) <= _declared(arguments):
            continue
        try:
            image = _with_defaults(base.image, arguments, subject.dockerfile.escape)
        except InvalidDockerfile:
            continue  # the build reports a word that cannot be expanded
        if image is not None and not _REFERENCE.fullmatch(image):
            message = f'with the default arguments, "{base.image}" is "{image}", which is no image name'
            yield Remark(message, base.span, "give the ARG a default: ARG NAME=VALUE")


def redundant_target_platform(subject: Subject) -> Iterator[Remark]:
    """`FROM --platform=$TARGETPLATFORM`."""
    for base, _ in subject.bases():
        if base.platform in ("$TARGETPLATFORM", "${TARGETPLATFORM}"):
            yield Remark("the target platform is the default", base.span, f'remove "--platform={base.platform}"')


def from_platform_flag_const_disallowed(subject: Subject) -> Iterator[Remark]:
    """`FROM --platform=linux/amd64`, unless the stage is named for the platform."""
    for base, _ in subject.bases():
        if not base.platform or "$" in base.platform:
            continue
        if any(part and part in base.name for part in base.platform.split("/")):
            continue
        hint = "use $BUILDPLATFORM, leave the flag out, or name the stage for the platform"
        yield Remark(f'the platform of a stage is fixed to "{base.platform}"', base.span, hint)


def _used(subject: Subject, base: From) -> tuple[str, ...]:
    escape = subject.dockerfile.escape
    return (*required_variables(base.image, escape=escape), *required_variables(base.platform, escape=escape))


def _declared(arguments: tuple[Arg, ...]) -> frozenset[str]:
    return _PLATFORM_ARGUMENTS | {name for each in arguments for name, _ in each.arguments}


def _with_defaults(word: str, arguments: tuple[Arg, ...], escape: str) -> str | None:
    """`word` with the defaults of the global arguments; None when it needs a platform argument."""
    if _PLATFORM_ARGUMENTS.intersection(required_variables(word, escape=escape)):
        return None
    values: dict[str, str] = {}
    for each in arguments:
        for name, default in each.arguments:
            if default is not None:
                values[name] = expand(default, values.get, escape=escape)
    return expand(word, values.get, escape=escape)
