"""`.env` and `env_file` syntax as Compose reads it: `KEY=value`, `KEY: value`, `export`, comments, quotes (also over several lines), variables.

A name alone takes its value from the environment. Single quotes keep the text as it is; in double quotes `\\n`, `\\t`, `\\"`, `\\$` ... are
escapes; without quotes a comment begins at a blank followed by `#`. The environment goes before what the file said earlier.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from cais.compose.problems import Problems
from cais.compose.template import Missing, TemplateError, expand
from cais.compose.variables import Variables
from cais.errors import Span


class Setting(msgspec.Struct, frozen=True):
    """One variable of a file; a value of None: named without a value, and the environment has none either."""

    value: str | None
    span: Span


_EXPORT = re.compile(r"export\s+")
_NAME = re.compile(r"[^=:\n]*")
_SPACE_SET = frozenset(" \t\v\f\r\x85\xa0")  # white space within a line
_IN_NAMES = frozenset("_.-[]")
_COMMENT = " #"  # behind an unquoted value
_QUOTED = {"'": re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL), '"': re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)}
_ESCAPE = re.compile(r"\\(?:0([0-9]{0,3})|([abfnrtv\"\\$]))")
_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    '"': '"',
    "\\": "\\",
    "$": "$$",
}
_OCTAL_DIGITS = 3
_LAST_BYTE = 0o377


def parse(text: str, file: str, env: Mapping[str, str], problems: Problems) -> dict[str, Setting]:
    """The variables of an env file. What is wrong goes to `problems`; a line that is wrong is left out."""
    if "\0" in text:
        problems.error(
            "the file holds the character NUL",
            Span(file, text.count("\n", 0, text.index("\0")) + 1),
            "an env file is text",
        )
        return {}
    return _Parser(text, file, env, problems).parse()


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


def below(env: Variables, settings: Mapping[str, Setting]) -> Variables:
    """`env`, and behind it what env files say."""
    return env.below(values(settings), {name: setting.span for name, setting in settings.items()})


class _Parser:
    def __init__(self, text: str, file: str, env: Mapping[str, str], problems: Problems) -> None:
        self._text = text
        self._file = file
        self._env = env
        self._problems = problems
        self._position = 0
        self._settings: dict[str, Setting] = {}

    def parse(self) -> dict[str, Setting]:
        while self._skip_blank():
            self._statement()
        return self._settings

    def _skip_blank(self) -> bool:
        """Go on to the next statement; whether there is one."""
        text, position = self._text, self._position
        while position < len(text):
            if text[position] == "#":
                end = text.find("\n", position)
                position = len(text) if end < 0 else end
            elif not text[position].isspace():
                break
            position += 1
        self._position = position
        return position < len(text)

    def _statement(self) -> None:
        start = self._position
        exported = _EXPORT.match(self._text, start)
        begin = exported.end() if exported else start
        found = _NAME.match(self._text, begin)
        written = found[0] if found else ""
        end = begin + len(written)
        name, separator = written.rstrip(), self._text[end : end + 1]
        if not self._is_name(name, start, begin):
            return
        self._position = end + 1
        if separator in {"=", ":"}:
            self._value(name, begin)
        else:
            known = self._env.get(name, self._known(name))
            self._settings[name] = Setting(known, self._span(begin, len(name)))

    def _is_name(self, name: str, start: int, begin: int) -> bool:
        wrong = next((n for n, char in enumerate(name) if not (char.isalnum() or char in _IN_NAMES)), None)
        if not name:
            self._skip(start, "a line must be NAME=value", 'comments begin with "#"')
        elif wrong is not None:
            hint = "a line is NAME=value, and names are made of letters, digits, underscores, dots and hyphens"
            self._skip(begin + wrong, f'"{name}" is not a variable name', hint)
        return bool(name) and wrong is None

    def _value(self, key: str, key_start: int) -> None:
        while self._text[self._position : self._position + 1] in _SPACE_SET:
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
        rest = self._text[self._position :].partition("\n")[0].strip()
        if rest and not rest.startswith("#"):
            span = self._span(self._position, 1)
            hint = "put all of the value in one pair of quotes"
            self._problems.warn("what stands behind the closing quote is read as another line", span, hint)
        if quote == "'":
            return found[1].replace("\\'", "'")
        return self._expand(_ESCAPE.sub(_unescaped, found[1]), start)

    def _unquoted(self) -> str:
        start = self._position
        end = self._text.find("\n", start)
        end = len(self._text) if end < 0 else end
        self._position = end + 1
        return self._expand(self._text[start:end].partition(_COMMENT)[0].rstrip(), start)

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


def _unescaped(found: re.Match[str]) -> str:
    """An escape of double quotes. An octal one is `\\0` and the three digits of a byte; fewer stay as they are, without that zero."""
    digits = found[1]
    if digits is None:
        return _ESCAPES[found[2]]
    is_byte = len(digits) == _OCTAL_DIGITS and set(digits) <= set("01234567") and int(digits, 8) <= _LAST_BYTE
    return chr(int(digits, 8)) if is_byte else f"\\{digits}"
