"""Splits the text of one instruction: keyword, flags, words, JSON arrays. Tokens know where they stand in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from cais.dockerfile.expand import is_space

# BuildKit separates by these and not by other Unicode blanks; a line feed cannot stand in a joined line.
_BLANKS = re.compile(r"[\t\v\f\r ]+")
_SOLID = re.compile(r"[^\t\v\f\r ]+")


class Token(msgspec.Struct, frozen=True):
    """A piece of text: its value, and the offset and length of what was written."""

    text: str
    offset: int
    length: int


class Split(msgspec.Struct, frozen=True):
    """An instruction taken apart: `arguments` is everything after the flags, trimmed."""

    keyword: Token
    flags: tuple[Token, ...]
    arguments: Token


class NotStrings(ValueError):
    """A JSON array holds something that is no string."""


def split(text: str, start: int = 0) -> Split:
    """Take `text` from `start` on apart."""
    match = _SOLID.search(text, start)
    if match is None:
        return Split(Token("", start, 0), (), Token("", start, 0))
    keyword = Token(match.group(), match.start(), match.end() - match.start())
    flags, rest = _flags(text, match.end())
    return Split(keyword, flags, stripped(text, rest))


def stripped(text: str, start: int) -> Token:
    """All of `text` from `start`, without blanks around."""
    value = text[start:]
    begin = start + len(value) - len(value.lstrip())
    value = value.strip()
    return Token(value, begin, len(value))


def blank_separated(token: Token) -> tuple[Token, ...]:
    """The words of `token` between blanks; quotes mean nothing here."""
    return tuple(
        Token(match.group(), token.offset + match.start(), match.end() - match.start())
        for match in _SOLID.finditer(token.text)
    )


def first_blank(token: Token) -> tuple[str, str]:
    """What stands before and after the first blank (the old form of ENV and LABEL)."""
    before, *after = _BLANKS.split(token.text, maxsplit=1)
    return before, "".join(after)


def quoted_words(token: Token, escape: str) -> tuple[Token, ...]:
    """The words of `token` between blanks that are neither quoted nor escaped. Quotes and escapes are kept for the expansion."""
    return tuple(
        Token("".join(parts), token.offset + begin, end - begin)
        for parts, begin, end in _scan(token.text, escape, keep_marks=True)
        if parts
    )


def json_strings(text: str) -> tuple[str, ...] | None:
    """The strings of a JSON array; None when `text` is none (it is then in shell form). Raises NotStrings for other elements."""
    text = text.lstrip()
    if not text.startswith("["):
        return None
    try:
        values = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    if not all(isinstance(value, str) for value in values):
        raise NotStrings
    return tuple(values)


def _flags(text: str, start: int) -> tuple[tuple[Token, ...], int]:
    """The `--flag` words from `start`, quotes and backslashes resolved, and where the arguments begin. `--` alone ends them."""
    flags: list[Token] = []
    position = start
    while True:
        begin = _skip_blanks(text, position)
        if not text.startswith("--", begin):
            return tuple(flags), begin
        word, position = _flag_word(text, begin)
        if word == "--":
            return tuple(flags), position
        flags.append(Token(word, begin, position - begin))


def _skip_blanks(text: str, position: int) -> int:
    while position < len(text) and is_space(text[position]):
        position += 1
    return position


def _flag_word(text: str, begin: int) -> tuple[str, int]:
    # The escape directive does not reach into flags: BuildKit always takes the backslash here.
    for parts, _, end in _scan(text[begin:], "\\", keep_marks=False):
        return "".join(parts), begin + end
    return "", len(text)


def _scan(text: str, escape: str, *, keep_marks: bool) -> Iterator[tuple[list[str], int, int]]:
    """Words of `text` as (characters, begin, end). `keep_marks` keeps quotes and escapes, and makes single quotes literal."""
    position = 0
    while (begin := _skip_blanks(text, position)) < len(text):
        parts, position = _scan_word(text, begin, escape, keep_marks=keep_marks)
        yield parts, begin, position


def _scan_word(text: str, position: int, escape: str, *, keep_marks: bool) -> tuple[list[str], int]:
    parts: list[str] = []
    quote = ""
    while position < len(text):
        character = text[position]
        if not quote and is_space(character):
            break
        if character == escape and not (keep_marks and quote == "'"):
            if position + 1 < len(text):
                parts.append(character + text[position + 1] if keep_marks else text[position + 1])
            position += 2
            continue
        if character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        else:
            parts.append(character)
            position += 1
            continue
        if keep_marks:
            parts.append(character)
        position += 1
    return parts, min(position, len(text))
