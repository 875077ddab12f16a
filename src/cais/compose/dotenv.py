"""`.env` and `env_file` syntax as Compose reads it: `KEY=value`, `KEY: value`, `export`, comments, quotes (also over several lines), variables.

A name alone takes its value from the environment. Single quotes keep the text as it is; in double quotes `\\n`, `\\t`, `\\"`, `\\$` ... are
escapes; without quotes a comment begins at white space followed by `#`. The environment goes before what the file said earlier.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from cais.compose.problems import Problems
from cais.compose.template import Missing, TemplateError, expand
from cais.errors import Span


class Setting(msgspec.Struct, frozen=True):
    """One variable of a file; a value of None: named without a value, and the environment has none either."""

    value: str | None
    span: Span


_KEY = re.compile(r"[ \t]*(?:export[ \t]+)?([^\s=:#'\"$]+)[ \t]*([=:]?)")
_BLANK = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_END = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_COMMENT = re.compile(r"[ \t]#")
_QUOTED = {"'": re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL), '"': re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
    '"': '"',
    "\\": "\\",
    "$": "$$",
}


def parse(text: str, file: str, env: Mapping[str, str], problems: Problems) -> dict[str, Setting]:
    """The variables of an env file. What is wrong goes to `problems`; a line that is wrong is left out."""
    if "\0" in text:
        problems.error(
            "the file holds the character NUL",
            Span(file, text.count("\n", 0, text.index("\0")) + 1),
            "an env file is text",
        )
        return {}
    return _Parser(text.replace("\r\n", "\n"), file, env, problems).parse()


def parse_raw(text: str, file: str, env: Mapping[str, str], problems: Problems) -> dict[str, Setting]:
    """The variables of an env file of `format: raw`: everything behind the first `=` is the value, as `docker run --env-file` has it."""
    settings: dict[str, Setting] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, equals, value = line.lstrip().partition("=")
        span = Span(file, number, 1, len(line))
        if not key or any(c.isspace() for c in key):
            problems.error(f'"{key}" is not a variable name', span)
            continue
        settings[key] = Setting(value if equals else env.get(key), span)
    return settings


def values(settings: Mapping[str, Setting]) -> dict[str, str]:
    """The variables that have a value."""
    return {key: setting.value for key, setting in settings.items() if setting.value is not None}


class _Parser:
    def __init__(self, text: str, file: str, env: Mapping[str, str], problems: Problems) -> None:
        self._text = text
        self._file = file
        self._env = env
        self._problems = problems
        self._position = 0
        self._settings: dict[str, Setting] = {}

    def parse(self) -> dict[str, Setting]:
        while self._position < len(self._text):
            blank = _BLANK.match(self._text, self._position)
            if blank is not None:
                self._position = blank.end()
            else:
                self._statement()
        return self._settings

    def _statement(self) -> None:
        start = self._position
        found = _KEY.match(self._text, start)
        if found is None:
            self._skip(start, "a line must be NAME=value", 'comments begin with "#"')
            return
        key, separator = found[1], found[2]
        self._position = found.end()
        if separator:
            self._value(key, found.start(1))
            return
        end = _END.match(self._text, self._position)
        if end is None:
            self._skip(
                start, f'"{key}" is followed by neither "=" nor the end of the line', "a name holds no white space"
            )
            return
        self._position = end.end()
        known = self._env.get(key, self._known(key))
        self._settings[key] = Setting(known, self._span(found.start(1), len(key)))

    def _value(self, key: str, key_start: int) -> None:
        while self._text[self._position : self._position + 1] in {" ", "\t"}:
            self._position += 1
        quote = self._text[self._position : self._position + 1]
        value = self._quoted(quote) if quote in _QUOTED else self._unquoted()
        if value is not None:
            self._settings[key] = Setting(value, self._span(key_start, len(key)))

    def _quoted(self, quote: str) -> str | None:
        start = self._position
        found = _QUOTED[quote].match(self._text, start)
        if found is None:
            self._skip(start, f"the quote {quote} is not closed", None)
            return None
        self._position = found.end()
        end = _END.match(self._text, self._position)
        if end is None:
            self._skip(
                self._position, "there is text behind the closing quote", "put all of the value in one pair of quotes"
            )
            return None
        self._position = end.end()
        if quote == "'":
            return found[1].replace("\\'", "'")
        return self._expand(_ESCAPE.sub(lambda m: _ESCAPES.get(m[1], m[0]), found[1]), start)

    def _unquoted(self) -> str:
        start = self._position
        end = self._text.find("\n", start)
        end = len(self._text) if end < 0 else end
        line = self._text[start:end]
        comment = _COMMENT.search(line)
        self._position = end + 1
        return self._expand((line[: comment.start()] if comment else line).strip(), start)

    def _expand(self, text: str, start: int) -> str:
        missing: list[Missing] = []
        try:
            value = expand(text, lambda name: self._env.get(name, self._known(name)), missing)
        except TemplateError as error:
            self._problems.error(error.message, self._span(start, 1), error.hint)
            return ""
        for variable in missing:
            self._problems.warn(
                f'the variable "{variable.name}" is not set and becomes empty', self._span(start, 1), None
            )
        return value

    def _known(self, name: str) -> str | None:
        setting = self._settings.get(name)
        return setting.value if setting else None

    def _skip(self, start: int, message: str, hint: str | None) -> None:
        self._problems.error(message, self._span(start, 1), hint)
        end = self._text.find("\n", start)
        self._position = len(self._text) if end < 0 else end + 1

    def _span(self, start: int, length: int) -> Span:
        line = self._text.count("\n", 0, start) + 1
        return Span(self._file, line, start - (self._text.rfind("\n", 0, start) + 1) + 1, length)
