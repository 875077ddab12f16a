"""Tables of words, with what BuildKit's shell lexer makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cais.dockerfile.expand import Reading, expand, expand_text, expand_words, required_variables
from cais.errors import InvalidDockerfile, Span

VARIABLES = {
    "PWD": "/home",
    "SHELL": "bash",
    "EMPTY": "",
    "TWO": "a b",
    "FILE": "archive.tar.gz",
    "PATH": "/usr/local/bin/x",
    "KOREAN": "한국어",
    "STAR": "a*b?c",
    "QUOTED": "'x'",
    "1": "one",
    "LINES": "a\nb",
}

WORDS = [
    # plain text and escapes
    ("hello", "hello"),
    ("he'll'o", "hello"),
    ("he'llo'", "hello"),
    ("he\\'llo", "he'llo"),
    ("he\\\\'llo'", "he\\llo"),
    ("abc\\tdef", "abctdef"),
    ('"abc\\tdef"', "abc\\tdef"),
    ('"abc\\\\tdef"', "abc\\tdef"),
    ("'abc\\tdef'", "abc\\tdef"),
    ("hello\\", "hello"),
    ("hello\\\\", "hello\\"),
    ('"hello\\""', 'hello"'),
    ("'hello\\'", "hello\\"),
    ("\"'hello'\"", "'hello'"),
    ("''", ""),
    ("a  b", "a  b"),
    # $NAME
    ("$", "$"),
    ("$.", "$."),
    ("$ x", "$ x"),
    ("$PWD", "/home"),
    ("he$PWD", "he/home"),
    ("he$PWD.x", "he/home.x"),
    ("$PWDx", ""),
    ("he$1x", "heonex"),
    ("he$12x", "hex"),
    ("he\\$PWD", "he$PWD"),
    ('"he$PWD"', "he/home"),
    ('"he\\$PWD"', "he$PWD"),
    ("'he$PWD'", "he$PWD"),
    ("'he\\$PWD'", "he\\$PWD"),
    ('"$UNSET"', ""),
    ("$KOREAN", "한국어"),
    ("안녕${KOREAN}", "안녕한국어"),
    ("$QUOTED", "'x'"),
    ("$-$?$*", ""),
    ("$$PWD", "PWD"),
    # ${NAME}
    ("${PWD}x", "/homex"),
    ("${UNSET}x", "x"),
    ("he$${PWD}", "he{PWD}"),
    # defaults and alternatives
    ("${UNSET:-x}", "x"),
    ("${UNSET-x}", "x"),
    ("${EMPTY:-x}", "x"),
    ("${EMPTY-x}", ""),
    ("${SHELL:-x}", "bash"),
    ("${SHELL-x}", "bash"),
    ("${UNSET:+x}", ""),
    ("${UNSET+x}", ""),
    ("${EMPTY:+x}", ""),
    ("${EMPTY+x}", "x"),
    ("${SHELL:+x}", "x"),
    ("${SHELL+x}", "x"),
    ("${UNSET:-}", ""),
    ("${UNSET:-$PWD}", "/home"),
    ("${UNSET:-${PWD}}", "/home"),
    ("${UNSET:-${UNSET:-${SHELL}x}y}z", "bashxyz"),
    ("${UNSET:-\\}}", "}"),
    ("${UNSET:-'}'}", "}"),
    ('${UNSET:-"a b"}', "a b"),
    ('"${UNSET:-a b}"', "a b"),
    ("${SHELL:?must be there}", "bash"),
    ("${EMPTY?must be there}", ""),
    # prefixes and suffixes
    ("${FILE#*.}", "tar.gz"),
    ("${FILE##*.}", "gz"),
    ("${FILE%.*}", "archive.tar"),
    ("${FILE%%.*}", "archive"),
    ("${FILE#arch}", "ive.tar.gz"),
    ("${FILE#x}", "archive.tar.gz"),
    ("${FILE#????}", "ive.tar.gz"),
    ("${FILE%??}", "archive.tar."),
    ("${PATH##*/}", "x"),
    ("${PATH%/*}", "/usr/local/bin"),
    ("${PATH#*/*/}", "local/bin/x"),
    ("${PATH%%/*}", ""),
    ("${STAR#a\\*}", "b?c"),
    ("${STAR%\\?c}", "a*b"),
    ("${STAR#*}", "a*b?c"),
    ("${STAR##*}", ""),
    ("${UNSET#x}", ""),
    ("${FILE%$EMPTY}", "archive.tar.gz"),
    ("${FILE%.${UNSET:-gz}}", "archive.tar"),
    ("${FILE#[a]}", "archive.tar.gz"),
    # replacements
    ("${FILE/ar/XX}", "XXchive.tar.gz"),
    ("${FILE//ar/XX}", "XXchive.tXX.gz"),
    ("${FILE//./}", "archivetargz"),
    ("${PATH//\\//:}", ":usr:local:bin:x"),
    ("${FILE/a*r/X}", "X.gz"),
    ("${FILE/x/y}", "archive.tar.gz"),
    ("${FILE/./$SHELL}", "archivebashtar.gz"),
    ("${FILE//?/x}", "xxxxxxxxxxxxxx"),
    ("${FILE/ar/\\1}", "\\1chive.tar.gz"),
    ("${LINES#*b}", "a\nb"),  # a star does not cross lines
]

REFUSED = [
    ("he'llo", "single quote"),
    ('he"llo', "double quote"),
    ('"a$', "double quote"),
    ("${", '"}" is missing'),
    ("${}", "name is missing"),
    ("${:}", "name is missing"),
    ("${{PWD}}", "name is missing"),
    ("${PWD", '"}" is missing'),
    ("${PWD:-x", '"}" is missing'),
    ("${PWD:-'x}", '"}" is missing'),
    ("${PWD/x}", 'second "/"'),
    ("${PWD/x/y", '"}" is missing'),
    ("${PWD=x}", '"=" is no modifier'),
    ("${PWD:=x}", '":=" is no modifier'),
    ("${PWD:x}", '":x" is no modifier'),
    ("${PWD:#x}", '":#" is no modifier'),
    ("${.}", '"." is no modifier'),
    ("${UNSET:?}", '"UNSET" is not set'),
    ("${UNSET?say why}", "say why"),
    ("${EMPTY:?say why}", '"EMPTY" is empty: say why'),
    ("${PWD#\\a}", "is no escape"),
]

SPLIT = [
    ("hello there", ("hello", "there")),
    (" hello\tthere ", ("hello", "there")),
    ('"hello there" x', ("hello there", "x")),
    ("hello\\ there", ("hello there",)),
    ("$TWO", ("a", "b")),
    ('"$TWO"', ("a b",)),
    ("x${TWO}y", ("xa", "by")),
    ("$UNSET", ()),
    ("''", ()),
    ("'' x", ("x",)),
    ("${UNSET:-a b}", ("a", "b")),
    ("'a'\"b\"c", ("abc",)),
    ("", ()),
]


@pytest.mark.parametrize(("word", "expected"), WORDS)
def test_word(word: str, expected: str) -> None:
    assert expand(word, VARIABLES.get) == expected


@pytest.mark.parametrize(("word", "message"), REFUSED)
def test_word_is_refused(word: str, message: str) -> None:
    with pytest.raises(InvalidDockerfile) as caught:
        expand(word, VARIABLES.get, span=Span("f", 3))
    assert message in caught.value.message
    assert caught.value.span == Span("f", 3)
    assert caught.value.hint


@pytest.mark.parametrize(("word", "expected"), SPLIT)
def test_words(word: str, expected: tuple[str, ...]) -> None:
    assert expand_words(word, VARIABLES.get) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [("C:\\x", "C:\\x"), ("`$PWD", "$PWD"), ("a` b", "a b"), ('"`""', '"'), ("\\$PWD", "\\/home")],
)
def test_other_escape_character(word: str, expected: str) -> None:
    assert expand(word, VARIABLES.get, escape="`") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("it's $PWD\n", "it's /home\n"), ('"$PWD" \\$PWD\n', '"/home" $PWD\n'), ("'${TWO}'\n", "'a b'\n")],
)
def test_here_document_keeps_quotes(text: str, expected: str) -> None:
    assert expand_text(text, VARIABLES.get) == expected


def test_as_written_changes_nothing() -> None:
    reading = Reading(keep_quotes=True, keep_escapes=True, keep_unset=True)
    word = """a'b' "c$X" \\$Y ${Z} ${W:-v}"""
    assert expand(word, lambda _: None, reading=reading) == word


@pytest.mark.parametrize(
    ("word", "expected"),
    [("$A${B}", ("A", "B")), ("${A:-$B}", ("B",)), ("${A:+x}${B?}", ()), ("'$A'", ()), ("${A#x}", ("A",)), ("${", ())],
)
def test_required_variables(word: str, expected: tuple[str, ...]) -> None:
    assert required_variables(word) == expected


_PIECES = st.sampled_from([*"${}:-+?#%/*\\'\"` aA1_.", "${A", "${A:-", "${A//", "$A"])


@given(st.lists(_PIECES, max_size=30).map("".join), st.sampled_from("\\`"))
def test_any_word_expands_or_is_refused(word: str, escape: str) -> None:
    try:
        expand(word, {"A": "value of a"}.get, escape=escape)
        expand_words(word, {"A": "value of a"}.get, escape=escape)
    except InvalidDockerfile as error:
        assert error.hint  # noqa: PT017 - either outcome is right


@given(st.text(alphabet="ab/.", max_size=12), st.text(alphabet="ab*?", max_size=6))
def test_trimming_agrees_with_trying_every_length(value: str, pattern: str) -> None:
    from fnmatch import fnmatchcase

    lengths = [length for length in range(len(value) + 1) if fnmatchcase(value[:length], pattern)]
    shortest = value[lengths[0] :] if lengths else value
    longest = value[lengths[-1] :] if lengths else value
    assert expand(f"${{V#{pattern}}}", {"V": value}.get) == shortest
    # A pattern that begins with # or % would be read as the long form; this alphabet has none.
    assert expand(f"${{V##{pattern}}}", {"V": value}.get) == longest
    ends = [start for start in range(len(value), -1, -1) if fnmatchcase(value[start:], pattern)]
    assert expand(f"${{V%{pattern}}}", {"V": value}.get) == (value[: ends[0]] if ends else value)
    assert expand(f"${{V%%{pattern}}}", {"V": value}.get) == (value[: ends[-1]] if ends else value)


def test_hostile_pattern_takes_a_moment() -> None:
    assert expand("${V##" + "*a" * 30 + "b}", {"V": "a" * 5_000}.get) == "a" * 5_000
