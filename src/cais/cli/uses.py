"""The variables that a project's files use, as `cais config --variables` shows them."""

from __future__ import annotations

from collections.abc import Sequence

from cais.cli.view.table import table
from cais.compose.nodes import Plain
from cais.compose.variables import Use

_HEADERS = ("NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE", "VALUE", "SOURCE", "USED AT")
_SEVERAL = ", "


def as_table(uses: Sequence[Use]) -> str:
    """One row a variable; what differs from place to place is listed."""
    rows = []
    for name, group in _grouped(uses).items():
        required = "true" if any(use.operator.endswith("?") for use in group) else "false"
        value = next((use.value for use in group if use.value is not None), "")
        places = _SEVERAL.join(str(use.span) for use in group)
        rows.append((name, required, _words(group, "-"), _words(group, "+"), value, _source(group), places))
    return table(_HEADERS, rows)


def as_tree(uses: Sequence[Use]) -> dict[str, Plain]:
    """For programs: by name, with the fields that Docker Compose has, and the value, its source and the places besides."""
    return {name: _entry(name, group) for name, group in _grouped(uses).items()}


def _entry(name: str, group: Sequence[Use]) -> Plain:
    return {
        "Name": name,
        "DefaultValue": _words(group, "-"),
        "PresenceValue": _words(group, "+"),
        "Required": any(use.operator.endswith("?") for use in group),
        "Value": next((use.value for use in group if use.value is not None), None),
        "Source": _source(group),
        "Uses": [str(use.span) for use in group],
    }


def _grouped(uses: Sequence[Use]) -> dict[str, list[Use]]:
    found: dict[str, list[Use]] = {}
    for use in sorted(uses, key=lambda use: use.name):
        found.setdefault(use.name, []).append(use)
    return found


def _words(group: Sequence[Use], kind: str) -> str:
    return _SEVERAL.join(dict.fromkeys(use.word for use in group if use.operator.endswith(kind)))


def _source(group: Sequence[Use]) -> str:
    """Where the value comes from: the line of an env file, the environment, or the default that is written where it is used."""
    for use in group:
        if use.value is not None:
            return str(use.source) if use.source is not None else "environment"
    return "default" if all(use.operator.endswith("-") for use in group) else "not set"
