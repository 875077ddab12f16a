"""Variables in text: `$V`, `${V}`, `${V:-d}`, `${V-d}`, `${V:?e}`, `${V?e}`, `${V:+r}`, `${V+r}`, nested, `$$` (Compose Specification, 12-interpolation.md)."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

Lookup = Callable[[str], str | None]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATORS = (":-", ":?", ":+", "-", "?", "+")
_MAX_DEPTH = 50


class Missing(msgspec.Struct, frozen=True):
    """A variable that is not set and has no default; `offset` is that of its `$`."""

    name: str
    offset: int


class TemplateError(ValueError):
    """Text that is no valid template, or that demands a variable which is not set."""

    def __init__(self, message: str, offset: int, length: int, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.length = length
        self.hint = hint


def expand(text: str, lookup: Lookup, missing: list[Missing], *, offset: int = 0, depth: int = 0) -> str:
    """`text` with its variables put in. Variables that are not set are added to `missing` and become empty. Raises TemplateError."""
    if "$" not in text:
        return text
    if depth > _MAX_DEPTH:
        raise TemplateError("variables are nested too deeply", offset, 1, "use fewer defaults within defaults")
    pieces: list[str] = []
    position = 0
    while (dollar := text.find("$", position)) >= 0:
        pieces.append(text[position:dollar])
        following = text[dollar + 1 : dollar + 2]
        if following == "$":
            pieces.append("$")
            position = dollar + 2
        elif following == "{":
            end = _closing(text, dollar, offset)
            pieces.append(_braced(text[dollar + 2 : end], lookup, missing, offset=offset + dollar, depth=depth))
            position = end + 1
        else:
            name = _NAME.match(text, dollar + 1)
            if name is None:
                raise TemplateError(
                    '"$" is not followed by a name',
                    offset + dollar,
                    1,
                    'write "$$" for a dollar sign that is meant as such',
                )
            pieces.append(_value(name[0], lookup, missing, offset + dollar))
            position = name.end()
    pieces.append(text[position:])
    return "".join(pieces)


def names(text: str) -> set[str]:
    """The names of the variables that `text` mentions directly."""
    return {found[1] for found in re.finditer(r"(?<!\$)(?:\$\$)*\$\{?([A-Za-z_][A-Za-z0-9_]*)", text)}


def _closing(text: str, dollar: int, offset: int) -> int:
    open_braces = 0
    for position in range(dollar + 1, len(text)):
        if text[position] == "{":
            open_braces += 1
        elif text[position] == "}":
            open_braces -= 1
            if not open_braces:
                return position
    raise TemplateError('"${" is not closed', offset + dollar, 2, 'add "}", or write "$${" if no variable is meant')


def _value(name: str, lookup: Lookup, missing: list[Missing], offset: int) -> str:
    value = lookup(name)
    if value is None:
        missing.append(Missing(name, offset))
        return ""
    return value


def _braced(inner: str, lookup: Lookup, missing: list[Missing], *, offset: int, depth: int) -> str:
    found = _NAME.match(inner)
    name = found[0] if found else ""
    rest = inner[len(name) :]
    operator = next((op for op in _OPERATORS if rest.startswith(op)), None)
    if not name or (rest and operator is None):
        raise TemplateError(
            f'"${{{inner}}}" is not a variable',
            offset,
            len(inner) + 3,
            'a variable is "${NAME}", "${NAME:-default}" or "${NAME:?message}"',
        )
    if operator is None:
        return _value(name, lookup, missing, offset)
    word = rest[len(operator) :]
    word_offset = offset + 2 + len(name) + len(operator)
    value = lookup(name)
    is_set = value is not None and (value != "" or not operator.startswith(":"))
    if operator[-1] == "+":
        return expand(word, lookup, missing, offset=word_offset, depth=depth + 1) if is_set else ""
    if is_set and value is not None:
        return value
    told = expand(word, lookup, missing, offset=word_offset, depth=depth + 1)
    if operator[-1] == "-":
        return told
    reason = f'the variable "{name}" must be set' + (f": {told}" if told else "")
    raise TemplateError(reason, offset, len(inner) + 3, f'set it in the environment or in the file ".env": {name}=...')
