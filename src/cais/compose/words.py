"""Cuts a command line into words the way Compose does: quotes and backslashes, no variables, no patterns; `;`, `&`, `|`, `<`, `>` end the command."""

from __future__ import annotations

_ENDS = frozenset(";&|<>")
_BLANK = frozenset(" \t\r\n")


class WordError(ValueError):
    """A quote, a backquote or a bracket is not closed."""


def split(line: str) -> tuple[list[str], str]:
    """The words of `line`, and what it holds from the first shell operator on (not run by Compose)."""
    words: list[str] = []
    word: list[str] | None = None
    position = 0
    while position < len(line):
        char = line[position]
        if char in _ENDS:
            break
        if char in _BLANK:
            if word is not None:
                words.append("".join(word))
            word = None
            position += 1
            continue
        piece, position = _piece(line, position)
        word = [*(word or []), piece]
    if word is not None:
        words.append("".join(word))
    return words, line[position:]


def _piece(line: str, start: int) -> tuple[str, int]:
    """The next part of a word: a quoted part, an escaped character, a substitution (kept as it is), or one character."""
    char = line[start]
    if char == "'":
        end = _find(line, "'", start + 1, start)
        return line[start + 1 : end], end + 1
    if char == '"':
        return _double_quoted(line, start)
    if char == "\\":
        if start + 1 == len(line):
            raise WordError("there is nothing behind the last backslash")
        return line[start + 1], start + 2
    if char == "`":
        end = _find(line, "`", start + 1, start)
        return line[start : end + 1], end + 1
    if line.startswith("$(", start):
        end = _find(line, ")", start + 2, start)
        return line[start : end + 1], end + 1
    return char, start + 1


def _double_quoted(line: str, start: int) -> tuple[str, int]:
    text: list[str] = []
    position = start + 1
    while position < len(line):
        char = line[position]
        if char == '"':
            return "".join(text), position + 1
        if char == "\\" and position + 1 < len(line):
            position += 1
            char = line[position]
        text.append(char)
        position += 1
    raise WordError(f'the quote at character {start + 1}, ", is not closed')


def _find(line: str, mark: str, position: int, opened: int) -> int:
    end = line.find(mark, position)
    if end < 0:
        raise WordError(f"{line[opened]} at character {opened + 1} is not closed")
    return end
