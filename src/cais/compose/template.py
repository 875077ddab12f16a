"""Variables in text: `$V`, `${V}`, `${V:-d}`, `${V-d}`, `${V:?e}`, `${V?e}`, `${V:+r}`, `${V+r}`, nested, `$$` (Compose Specification, 12-interpolation.md).

A `$` before anything else stands for itself, as in Docker Compose: `echo $1` needs no `$$`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import msgspec

Lookup = Callable[[str], str | None]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATORS = (":-", ":?", ":+", "-", "?", "+")
_MAX_DEPTH = 50


class Variable(msgspec.Struct, frozen=True):
    """A variable in a text. `operator` is "" or one of `:-`, `-`, `:?`, `?`, `:+`, `+`, `word` what follows it; `offset` is that of the `$`."""

    name: str
    operator: str
    word: str
    offset: int
    length: int

    @property
    def word_offset(self) -> int:
        """Where the word begins."""
        return self.offset + 2 + len(self.name) + len(self.operator)  # "${"


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
    found = [
        piece if isinstance(piece, str) else _value(piece, lookup, missing, depth) for piece in pieces(text, offset)
    ]
    return "".join(found)


def variables(text: str, offset: int = 0) -> Iterator[Variable]:
    """Every variable of `text`, also those within defaults and replacements. Raises TemplateError."""
    for piece in pieces(text, offset) if "$" in text else ():
        if isinstance(piece, Variable):
            yield piece
            yield from variables(piece.word, piece.word_offset)


def pieces(text: str, offset: int = 0) -> Iterator[str | Variable]:
    """`text` cut into what is literal and what is a variable. Raises TemplateError."""
    position = 0
    while (dollar := text.find("$", position)) >= 0:
        yield text[position:dollar]
        following = text[dollar + 1 : dollar + 2]
        if following == "{":
            end = _closing(text, dollar, offset)
            yield _braced(text[dollar + 2 : end], offset + dollar)
            position = end + 1
        elif (name := _NAME.match(text, dollar + 1)) is not None:
            yield Variable(name[0], "", "", offset + dollar, len(name[0]) + 1)
            position = name.end()
        else:
            yield "$"
            position = dollar + (2 if following == "$" else 1)
    yield text[position:]


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


def _braced(inside: str, offset: int) -> Variable:
    found = _NAME.match(inside)
    name = found[0] if found else ""
    rest = inside[len(name) :]
    operator = next((op for op in _OPERATORS if rest.startswith(op)), "")
    if not name or (rest and not operator):
        raise TemplateError(
            f'"${{{inside}}}" is not a variable',
            offset,
            len(inside) + 3,  # "${" and "}"
            'a variable is "${NAME}", "${NAME:-default}" or "${NAME:?message}"; for a "$" that is meant as such write "$$"',
        )
    return Variable(name, operator, rest[len(operator) :], offset, len(inside) + 3)


def _value(variable: Variable, lookup: Lookup, missing: list[Missing], depth: int) -> str:
    value = lookup(variable.name)
    kind = variable.operator[-1:]
    if not kind:
        if value is None:
            missing.append(Missing(variable.name, variable.offset))
        return value or ""
    is_set = value is not None and (value != "" or not variable.operator.startswith(":"))
    if is_set and kind != "+":
        return value or ""
    if not is_set and kind == "+":
        return ""
    word = expand(variable.word, lookup, missing, offset=variable.word_offset, depth=depth + 1)
    if kind != "?":
        return word
    reason = f'the variable "{variable.name}" must be set' + (f": {word}" if word else "")
    hint = f'set it in the environment or in the file ".env": {variable.name}=...'
    raise TemplateError(reason, variable.offset, variable.length, hint)
