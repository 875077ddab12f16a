"""The options of `RUN --mount=` (Dockerfile reference, "RUN --mount")."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cais.dockerfile.flags import Flag
from cais.dockerfile.lexer import Statement
from cais.dockerfile.suggest import did_you_mean
from cais.errors import Problem

_EVERY = frozenset({"type", "target", "dst", "destination", "readonly", "ro", "readwrite", "rw"})
_OWNER = frozenset({"id", "mode", "uid", "gid"})
_SOURCE = frozenset({"from", "source", "src"})
MOUNT_OPTIONS: Mapping[str, frozenset[str]] = {
    "bind": _EVERY | _SOURCE,
    "cache": _EVERY | _SOURCE | _OWNER | {"sharing"},
    "tmpfs": _EVERY | {"size"},
    "secret": _EVERY | _OWNER | {"source", "src", "required", "env"},
    "ssh": _EVERY | _OWNER | {"required"},
}
_ALL = frozenset().union(*MOUNT_OPTIONS.values())
_BARE = frozenset({"readonly", "ro", "readwrite", "rw", "required"})
_BOOLEAN = "true or false", re.compile(r"1|0|t|f|true|false", re.IGNORECASE)
_NUMBER = "a number", re.compile(r"[0-9]+")
_VALUES: Mapping[str, tuple[str, re.Pattern[str]]] = {
    **dict.fromkeys(_BARE, _BOOLEAN),
    "sharing": ("shared, private or locked", re.compile(r"shared|private|locked", re.IGNORECASE)),
    "mode": ("an octal number such as 0600", re.compile(r"[0-7]+")),
    "uid": _NUMBER,
    "gid": _NUMBER,
    "size": ("a size such as 64m", re.compile(r"[0-9]+(\.[0-9]+)? ?([kmgtp]i?)?b?", re.IGNORECASE)),
}
_TARGETS = ("target", "dst", "destination")

Options = tuple[tuple[str, str], ...]


def read(flag: Flag, statement: Statement, problems: list[Problem]) -> Options:
    """Split one --mount value and check it. Values with a variable are checked by the build, when they are known."""
    options = tuple(_option(field) for field in _fields(flag.value))
    span = statement.token_span(flag.token)
    for message, hint in _complaints(options):
        problems.append(Problem(message, span, hint))
    return tuple((name, value or "") for name, value in options)


def _fields(value: str) -> list[str]:
    """Fields between commas; a field in double quotes may hold commas (RFC 4180)."""
    found = re.findall(r'(?:^|,)(?:"((?:[^"]|"")*)"(?=,|$)|([^,]*))', value)
    return [quoted.replace('""', '"') or plain for quoted, plain in found]


def _option(field: str) -> tuple[str, str | None]:
    name, equals, value = field.partition("=")
    return name.lower(), value if equals else None


def _complaints(options: tuple[tuple[str, str | None], ...]) -> list[tuple[str, str]]:
    kind = next((value or "" for name, value in options if name == "type"), "bind").lower()
    if "$" in kind:
        return []
    allowed = MOUNT_OPTIONS.get(kind)
    if allowed is None:
        return [
            (
                f'"{kind}" is no mount type',
                did_you_mean(kind, MOUNT_OPTIONS, "the types are " + ", ".join(MOUNT_OPTIONS)),
            )
        ]
    complaints = [each for name, value in options if (each := _complaint(kind, name, value))]
    names = {name for name, _ in options}
    if complaints:
        return complaints  # a mistyped option may be the one that seems to be missing
    if kind in ("bind", "cache", "tmpfs") and names.isdisjoint(_TARGETS):
        complaints.append((f"a {kind} mount needs a target", "add target=/path"))
    if kind == "secret" and names.isdisjoint({*_TARGETS, "id", "source", "src"}):
        complaints.append(("a secret mount needs an id", "add id=NAME"))
    return complaints


def _complaint(kind: str, name: str, value: str | None) -> tuple[str, str] | None:
    if name not in _ALL:
        return f'mounts have no option "{name}"', did_you_mean(
            name, sorted(_ALL), "the options are " + ", ".join(sorted(_ALL))
        )
    if name not in MOUNT_OPTIONS[kind]:
        return f'a {kind} mount has no option "{name}"', f'remove "{name}", or change the type'
    if value is None:
        return None if name in _BARE else (f'mount option "{name}" needs a value', f"write {name}=VALUE")
    if name == "from" and re.search(r"\$.", value):
        return '"from" takes no variables', f'add a stage "FROM {value} AS name" and write from=name'
    expected = _VALUES.get(name)
    if expected is None or "$" in value or expected[1].fullmatch(value):
        return None
    return f'mount option "{name}" must be {expected[0]}, not "{value}"', f"write {name}={expected[0]}"
