"""The `--flag` options of instructions: which exist, and their values (Dockerfile reference, per instruction)."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec

from cais.dockerfile.lexer import Statement
from cais.dockerfile.suggest import did_you_mean
from cais.dockerfile.words import Token
from cais.errors import Problem


class Kind(enum.Enum):
    """What a flag takes."""

    TEXT = "a value"
    LIST = "a value, and may be given again"
    BOOLEAN = "true or false"
    REFUSED = "not supported"


_OWNER = {"chown": Kind.TEXT, "chmod": Kind.TEXT, "link": Kind.BOOLEAN, "exclude": Kind.LIST}

FLAGS: Mapping[str, Mapping[str, Kind]] = {
    "FROM": {"platform": Kind.TEXT},
    "RUN": {"mount": Kind.LIST, "network": Kind.TEXT, "security": Kind.TEXT, "device": Kind.REFUSED},
    "COPY": {**_OWNER, "from": Kind.TEXT, "parents": Kind.BOOLEAN},
    "ADD": {**_OWNER, "checksum": Kind.TEXT, "keep-git-dir": Kind.BOOLEAN, "unpack": Kind.BOOLEAN},
    "HEALTHCHECK": {
        "interval": Kind.TEXT,
        "timeout": Kind.TEXT,
        "start-period": Kind.TEXT,
        "start-interval": Kind.TEXT,
        "retries": Kind.TEXT,
    },
}


class Flag(msgspec.Struct, frozen=True):
    """One flag as given; a boolean's value is "true" or "false". `token` is where it stands."""

    name: str
    value: str
    token: Token


class Flags(msgspec.Struct, frozen=True):
    """The valid flags of one instruction."""

    given: tuple[Flag, ...]

    def text(self, name: str) -> str:
        """The value of a flag, "" when it is not given."""
        return next((flag.value for flag in self.given if flag.name == name), "")

    def all(self, name: str) -> tuple[Flag, ...]:
        """Every use of a flag."""
        return tuple(flag for flag in self.given if flag.name == name)

    def boolean(self, name: str) -> bool | None:
        """The value of a boolean flag, None when it is not given."""
        value = self.text(name)
        return value == "true" if value else None


def read(instruction: str, tokens: tuple[Token, ...], statement: Statement, problems: list[Problem]) -> Flags:
    """Check `tokens` against the instruction's table; what is wrong goes to `problems`."""
    given: dict[str, list[Flag]] = {}
    for token in tokens:
        flag = _one(instruction, token, statement, problems)
        if flag is None:
            continue
        if flag.name in given and FLAGS[instruction][flag.name] is not Kind.LIST:
            problems.append(
                Problem(f'flag "--{flag.name}" is given a second time', statement.token_span(token), "keep one of them")
            )
            continue
        given.setdefault(flag.name, []).append(flag)
    return Flags(tuple(flag for flags in given.values() for flag in flags))


def _one(instruction: str, token: Token, statement: Statement, problems: list[Problem]) -> Flag | None:
    known = FLAGS.get(instruction, {})
    name, equals, value = token.text[2:].partition("=")
    kind = known.get(name)
    if kind is None:
        span = statement.span(token.offset, 2 + len(name))
        problems.append(Problem(f'{instruction} has no flag "--{name}"', span, _unknown(instruction, name)))
        return None
    if kind is Kind.REFUSED:
        hint = f'remove "--{name}"'
        problems.append(Problem(f'"{instruction} --{name}" is not supported', statement.token_span(token), hint))
        return None
    if kind is Kind.BOOLEAN:
        value, equals = value.lower() if equals else "true", "="
    if not equals or (kind is Kind.BOOLEAN and value not in ("true", "false")):
        found = f', not "{value}"' if equals else ""
        message = f'flag "--{name}" needs {kind.value}{found}'
        hint = f"write --{name}={'true' if kind is Kind.BOOLEAN else 'VALUE'}, without blanks around the ="
        problems.append(Problem(message, statement.token_span(token), hint))
        return None
    return Flag(name, value, token)


def _unknown(instruction: str, name: str) -> str:
    known = FLAGS.get(instruction, {})
    if not known:
        return f'{instruction} takes no flags; a "--" before the arguments ends them'
    listed = ", ".join("--" + each for each in known)
    near = did_you_mean("--" + name, ["--" + each for each in known], "")
    return near or f"{instruction} knows {listed}"
