"""Splits a Dockerfile into parser directives and statements: comments, continued lines, here-documents (Dockerfile reference, "Format").

A statement's text has its continued lines joined; `Statement.span` leads from an offset in it back to line and column.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

import msgspec

from cais.dockerfile import heredoc, words
from cais.dockerfile.instructions import Heredoc
from cais.errors import Problem, Span

_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$")
_DIRECTIVES = frozenset({"syntax", "escape", "check"})
_WITH_HEREDOC = frozenset({"run", "copy", "add"})


class Piece(msgspec.Struct, frozen=True):
    """A stretch of a statement's text: where it begins there, and where it stands in the file."""

    offset: int
    line: int
    column: int
    length: int


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One instruction as text. `blank_lines` are the empty lines between its continued lines; `comments` stand right above it."""

    file: str
    text: str
    pieces: tuple[Piece, ...]
    end_line: int
    heredocs: tuple[Heredoc, ...] = ()
    comments: tuple[str, ...] = ()
    blank_lines: tuple[int, ...] = ()

    def span(self, offset: int = 0, length: int | None = None) -> Span:
        """The place of `length` characters from `offset` (None: to the end of that line); it never leaves the first line."""
        index = max(bisect_right(self.pieces, offset, key=lambda piece: piece.offset) - 1, 0)
        piece = self.pieces[index]
        within = min(offset - piece.offset, piece.length)
        rest = piece.length - within
        wanted = rest if length is None else min(length, rest)
        return Span(self.file, piece.line, piece.column + within, max(wanted, 1))

    def token_span(self, token: words.Token) -> Span:
        """The place of a token."""
        return self.span(token.offset, token.length)


class Lexed(msgspec.Struct, frozen=True, kw_only=True):
    """What a Dockerfile consists of, and what was wrong with that."""

    directives: tuple[tuple[str, str], ...]
    escape: str
    statements: tuple[Statement, ...]
    problems: tuple[Problem, ...]


def lex(text: str, file: str) -> Lexed:
    """Split `text`; `file` is the name for spans. Never raises: what is wrong stands in `problems`."""
    lines = _lines(text)
    header = _Header(file)
    start = header.read(lines)
    body = _Body(file, lines, start, header.escape)
    statements = tuple(body.statements())
    return Lexed(
        directives=tuple(header.directives.items()),
        escape=header.escape,
        statements=statements,
        problems=(*header.problems, *body.problems),
    )


def _lines(text: str) -> list[str]:
    """The lines with their ends; only a line feed ends a line."""
    lines = text.removeprefix("\ufeff").split("\n")
    whole = [line + "\n" for line in lines[:-1]]
    return [*whole, lines[-1]] if lines[-1] else whole


def _content(line: str) -> str:
    return line.rstrip("\r\n")


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


class _Header:
    """The parser directives at the top."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.directives: dict[str, str] = {}
        self.escape = "\\"
        self.problems: list[Problem] = []

    def read(self, lines: list[str]) -> int:
        """Read until the first line that is no directive; its index."""
        for index, line in enumerate(lines):
            content = _content(line)
            match = _DIRECTIVE.fullmatch(content.lstrip())
            if match is None or match.group(1).lower() not in _DIRECTIVES:
                return index
            indent = len(content) - len(content.lstrip())
            self._directive(match, Span(self._file, index + 1, indent + 1, len(content) - indent))
        return len(lines)

    def _directive(self, match: re.Match[str], span: Span) -> None:
        name, value = match.group(1).lower(), match.group(2)
        if name in self.directives:
            self.problems.append(
                Problem(f'parser directive "{name}" is given a second time', span, "keep one of the two lines")
            )
            return
        self.directives[name] = value
        if name != "escape":
            return
        if value in ("\\", "`"):
            self.escape = value
        else:
            self.problems.append(
                Problem(f'"{value}" cannot be the escape character', span, 'use "# escape=\\" or "# escape=`"')
            )


class _Body:
    """Everything below the directives."""

    def __init__(self, file: str, lines: list[str], start: int, escape: str) -> None:
        self._file = file
        self._lines = lines
        self._index = start
        self._continued = re.compile(rf"(?:^|(?<=[^\{escape}]))\{escape}[ \t]*$")
        self.problems: list[Problem] = []

    def statements(self) -> Iterator[Statement]:
        """The statements in order."""
        comments: list[str] = []
        while self._index < len(self._lines):
            content = _content(self._lines[self._index])
            if content.lstrip().startswith("#"):
                comments.append(content.lstrip()[1:].strip())
                self._index += 1
            elif not content.strip():
                comments.clear()
                self._index += 1
            else:
                yield self._statement(tuple(comments))
                comments.clear()

    def _statement(self, comments: tuple[str, ...]) -> Statement:
        text, pieces, blank_lines = self._joined()
        statement = Statement(
            file=self._file,
            text=text,
            pieces=pieces,
            end_line=self._index,
            comments=comments,
            blank_lines=blank_lines,
        )
        announced = heredoc.markers(text) if "<<" in text and _may_have_heredoc(text) else ()
        if not announced:
            return statement
        heredocs = tuple(self._heredoc(each, statement) for each in announced)
        return msgspec.structs.replace(statement, heredocs=heredocs, end_line=self._index)

    def _joined(self) -> tuple[str, tuple[Piece, ...], tuple[int, ...]]:
        parts: list[str] = []
        pieces: list[Piece] = []
        blank_lines: list[int] = []
        offset = 0
        continued = True
        while continued and self._index < len(self._lines):
            content = _content(self._lines[self._index])
            self._index += 1
            if parts and _is_comment(content):
                continue
            if parts and not content.strip():
                blank_lines.append(self._index)
                continue
            column = 1 if parts else len(content) - len(content.lstrip()) + 1
            mark = self._continued.search(content)
            part = content[column - 1 : mark.start() if mark else len(content)]
            pieces.append(Piece(offset, self._index, column, len(part)))
            parts.append(part)
            offset += len(part)
            continued = mark is not None
        return "".join(parts), tuple(pieces), tuple(blank_lines)

    def _heredoc(self, announced: Heredoc, statement: Statement) -> Heredoc:
        """Read the content up to the delimiter."""
        content: list[str] = []
        while self._index < len(self._lines):
            line = self._lines[self._index]
            self._index += 1
            candidate = _content(line)
            if (candidate.lstrip("\t") if announced.chomp else candidate) == announced.name:
                break
            content.append(line)
        else:
            self._unterminated(announced, statement)
        text = "".join(content)
        return msgspec.structs.replace(announced, content=heredoc.chomped(text) if announced.chomp else text)

    def _unterminated(self, announced: Heredoc, statement: Statement) -> None:
        span = statement.span(statement.text.find("<<"), 2)
        if self.problems and self.problems[-1].span == span:
            return  # the one before took all the rest
        hint = f'put "{announced.name}" on a line of its own after the text'
        self.problems.append(Problem(f'the here-document "{announced.name}" never ends', span, hint))


def _may_have_heredoc(text: str) -> bool:
    split = words.split(text)
    if split.keyword.text.lower() == "onbuild":
        split = words.split(text, split.arguments.offset)
    if split.keyword.text.lower() not in _WITH_HEREDOC:
        return False
    try:
        return words.json_strings(split.arguments.text) is None
    except words.NotStrings:
        return False
