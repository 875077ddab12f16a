"""Variables and quotes in the words of an instruction, as BuildKit's shell lexer reads them (Dockerfile reference, "Environment replacement").

Not a shell: `$V`, `${V}` and the modifiers `:-` `-` `:+` `+` `:?` `?` `#` `##` `%` `%%` `/` `//`, single and double quotes, the escape
character. No commands, no arithmetic, no globs.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cais.dockerfile import shellpattern
from cais.errors import InvalidDockerfile, Problem, Span

Lookup = Callable[[str], str | None]
_OperatorLookup = Callable[[str, str], str | None]  # name and modifier, "" without one

_MAX_DEPTH = 64  # nesting of ${...${...}}: far above any real file, far below Python's stack
_SPECIAL_PARAMETERS = "@*#?-$!0"
_SPECIAL = frozenset("$'\"\\`")


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What is resolved and what stays as written."""

    quotes: bool = True  # False: quotes are characters like any other (text of a here-document)
    keep_quotes: bool = False
    keep_escapes: bool = False
    keep_unset: bool = False


_RESOLVING = Reading()


def expand(
    word: str, lookup: Lookup, *, escape: str = "\\", reading: Reading = _RESOLVING, span: Span | None = None
) -> str:
    """`word` with variables replaced and quotes and escapes resolved; blanks stay as they are.

    `lookup` gives a variable's value, None when unset. Raises InvalidDockerfile, placed at `span`.
    """
    if _SPECIAL.isdisjoint(word):
        return word
    return _process(word, _ignoring_operator(lookup), escape, reading, span)[0]


def expand_words(
    word: str, lookup: Lookup, *, escape: str = "\\", reading: Reading = _RESOLVING, span: Span | None = None
) -> tuple[str, ...]:
    """As `expand`, then split at unquoted blanks: those in the text as well as those a variable brought."""
    return _process(word, _ignoring_operator(lookup), escape, reading, span)[1]


def expand_text(text: str, lookup: Lookup, *, span: Span | None = None) -> str:
    """The text of a here-document for COPY and ADD: quotes are text, and the escape is always the backslash."""
    return expand(text, lookup, escape="\\", reading=Reading(quotes=False), span=span)


def required_variables(word: str, *, escape: str = "\\", reading: Reading = _RESOLVING) -> tuple[str, ...]:
    """The variables `word` names without giving a default or an alternative, in order; empty for a word that cannot be read."""
    names: dict[str, None] = {}

    def note(name: str, operator: str) -> None:
        if operator not in ("-", "+", "?"):
            names[name] = None

    try:
        _Scanner(word, note, escape, reading).process("", keep_escapes=reading.keep_escapes)
    except _BadWord:
        return ()
    return tuple(names)


def _ignoring_operator(lookup: Lookup) -> _OperatorLookup:
    return lambda name, _: lookup(name)


def _process(
    word: str, lookup: _OperatorLookup, escape: str, reading: Reading, span: Span | None
) -> tuple[str, tuple[str, ...]]:
    try:
        return _Scanner(word, lookup, escape, reading).process("", keep_escapes=reading.keep_escapes)
    except _BadWord as error:
        raise InvalidDockerfile([Problem(f'cannot expand "{word}": {error}', span, error.hint)]) from error


class _BadWord(Exception):
    """The word cannot be read."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class _Words:
    """Collects words: raw text never splits, plain text splits at blanks."""

    __slots__ = ("_in_word", "_parts", "_words")

    def __init__(self) -> None:
        self._words: list[str] = []
        self._parts: list[str] = []
        self._in_word = False

    def add(self, text: str) -> None:
        for character in text:
            if not is_space(character):
                self.add_raw(character)
            elif self._in_word and any(self._parts):
                self._words.append("".join(self._parts))
                self._parts = []
                self._in_word = False

    def add_raw(self, text: str) -> None:
        self._parts.append(text)
        self._in_word = True

    def take(self) -> tuple[str, ...]:
        word = "".join(self._parts)
        return (*self._words, word) if word else tuple(self._words)


class _Scanner:
    """Reads one word from left to right."""

    __slots__ = ("_depth", "_escape", "_keep_escapes", "_lookup", "_position", "_reading", "_text")

    def __init__(self, text: str, lookup: _OperatorLookup, escape: str, reading: Reading) -> None:
        self._text = text
        self._position = 0
        self._lookup = lookup
        self._escape = escape
        self._reading = reading
        self._keep_escapes = reading.keep_escapes
        self._depth = 0

    def process(self, stop: str, *, keep_escapes: bool) -> tuple[str, tuple[str, ...]]:
        """Read up to and over `stop` ("": to the end): the text, and the words in it."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _BadWord(f"more than {_MAX_DEPTH} levels of substitution", "give the inner part an ARG of its own")
        kept, self._keep_escapes = self._keep_escapes, keep_escapes
        result: list[str] = []
        words = _Words()
        try:
            while character := self._peek():
                if stop and character == stop:
                    self._position += 1
                    return "".join(result), words.take()
                self._one(character, result, words)
        finally:
            self._keep_escapes = kept
            self._depth -= 1
        if stop:
            raise _BadWord(f'"{stop}" is missing', f'close the substitution with "{stop}"')
        return "".join(result), words.take()

    def _one(self, character: str, result: list[str], words: _Words) -> None:
        if character == "$":
            value = self._dollar()
            result.append(value)
            words.add(value)
        elif character in "'\"" and self._reading.quotes:
            value = self._single() if character == "'" else self._double()
            result.append(value)
            words.add_raw(value)
        elif character == self._escape:
            self._position += 1
            escaped = self._next()
            value = character + escaped if self._keep_escapes else escaped
            if value:
                result.append(value)
                words.add_raw(value)
        else:
            self._position += 1
            result.append(character)
            words.add(character)

    def _single(self) -> str:
        start = self._position
        end = self._text.find("'", start + 1)
        if end < 0:
            self._position = len(self._text)
            raise _BadWord("a single quote is never closed", "close the quote, or put the escape character before it")
        self._position = end + 1
        return self._text[start : end + 1] if self._reading.keep_quotes else self._text[start + 1 : end]

    def _double(self) -> str:
        quote = '"' if self._reading.keep_quotes else ""
        self._position += 1
        result = [quote]
        while character := self._peek():
            if character == '"':
                self._position += 1
                return "".join([*result, quote])
            if character == "$":
                result.append(self._dollar())
                continue
            self._position += 1
            if character == self._escape:
                if self._keep_escapes:
                    result.append(character)
                following = self._peek()
                if not following:
                    continue
                if following in ('"', "$", self._escape):
                    character = self._next()
            result.append(character)
        raise _BadWord("a double quote is never closed", "close the quote, or put the escape character before it")

    def _dollar(self) -> str:
        self._position += 1
        if self._peek() != "{":
            name = self._name()
            return self._plain(name, f"${name}") if name else "$"
        self._position += 1
        if self._peek() in ("{", "}", ":"):
            raise _BadWord("a name is missing after ${", "write ${NAME}")
        if not self._peek():
            raise _missing_brace()
        name = self._name()
        modifier = self._next()
        if modifier == "}":
            return self._plain(name, f"${{{name}}}")
        if modifier == "/":
            return self._replaced(name)
        null_is_unset = modifier == ":"
        operator = self._next() if null_is_unset else modifier
        if not null_is_unset and operator not in tuple("+-?#%"):
            raise _missing_brace() if not operator else _unsupported(operator)
        return self._modified(name, operator, ":" if null_is_unset else "")

    def _plain(self, name: str, written: str) -> str:
        value = self._lookup(name, "")
        if value is None:
            return written if self._reading.keep_unset else ""
        return value

    def _modified(self, name: str, operator: str, colon: str) -> str:
        word = self._inner("}", keep_escapes=operator in ("#", "%"))
        if operator not in (("+", "-", "?") if colon else ("+", "-", "?", "#", "%")):
            raise _unsupported(colon + operator)
        value = self._lookup(name, operator)
        if value is None and self._reading.keep_unset:
            return f"${{{name}{colon}{operator}{word}}}"
        empty = value is None or (bool(colon) and value == "")
        if operator == "-":
            return word if empty else value or ""
        if operator == "+":
            return "" if empty else word
        if operator == "?":
            if empty:
                state = "is not set" if value is None else "is empty"
                raise _BadWord(
                    f'"{name}" {state}{": " + word if word else ""}',
                    f'give "{name}" a value with --build-arg, ARG or ENV',
                )
            return value or ""
        return self._trimmed(operator, word, value or "")

    @staticmethod
    def _trimmed(operator: str, pattern: str, value: str) -> str:
        longest = pattern.startswith(operator)
        trim = shellpattern.trim_suffix if operator == "%" else shellpattern.trim_prefix
        try:
            return trim(pattern[1:] if longest else pattern, value, longest=longest)
        except shellpattern.PatternError as error:
            raise _BadWord(str(error), "remove the backslash") from error

    def _replaced(self, name: str) -> str:
        everywhere = self._peek() == "/"
        if everywhere:
            self._position += 1
        pattern = self._inner("/", keep_escapes=True)
        replacement = self._inner("}", keep_escapes=True)
        value = self._lookup(name, "/")
        if value is None and self._reading.keep_unset:
            return f"${{{name}/{pattern}/{replacement}}}"
        try:
            return shellpattern.substitute(pattern, replacement, value or "", everywhere=everywhere)
        except shellpattern.PatternError as error:
            raise _BadWord(str(error), "remove the backslash") from error

    def _inner(self, stop: str, *, keep_escapes: bool) -> str:
        try:
            return self.process(stop, keep_escapes=keep_escapes)[0]
        except _BadWord:
            # An unclosed quote inside ran to the end: the missing brace is what the reader has to mend.
            if self._depth <= _MAX_DEPTH and not self._peek():
                raise (_missing_brace() if stop == "}" else _missing_slash()) from None
            raise

    def _name(self) -> str:
        start = self._position
        first = self._peek()
        if first.isdecimal():
            while self._peek().isdecimal():
                self._position += 1
        elif first and first in _SPECIAL_PARAMETERS:
            self._position += 1
        else:
            while (character := self._peek()) and (character.isalpha() or character.isdecimal() or character == "_"):
                self._position += 1
        return self._text[start : self._position]

    def _peek(self) -> str:
        return self._text[self._position : self._position + 1]

    def _next(self) -> str:
        character = self._peek()
        self._position += 1 if character else 0
        return character


def is_space(character: str) -> bool:
    """White space as Unicode defines it: Python's set without the four separators U+001C to U+001F."""
    return character.isspace() and not "\x1c" <= character <= "\x1f"


def _missing_brace() -> _BadWord:
    return _BadWord('"}" is missing', 'close the substitution with "}"')


def _missing_slash() -> _BadWord:
    return _BadWord('the second "/" is missing', "write ${NAME/pattern/replacement}")


def _unsupported(modifier: str) -> _BadWord:
    return _BadWord(f'"{modifier}" is no modifier', "the modifiers are :- - :+ + :? ? # ## % %% / //")
