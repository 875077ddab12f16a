from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cais.compose.template import Missing, TemplateError, expand

ENV = {"A": "1", "E": "", "B": "two"}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain", "plain"),
        ("$A", "1"),
        ("${A}", "1"),
        ("x${A}y$B", "x1ytwo"),
        ("$$A $$", "$A $"),
        ("${A:-d}${E:-d}${U:-d}", "1dd"),
        ("${A-d}${E-d}${U-d}", "1d"),
        ("${A:+r}${E:+r}${U:+r}", "r"),
        ("${A+r}${E+r}${U+r}", "rr"),
        ("${A:?e}", "1"),
        ("${E?e}", ""),
        ("${U:-${E:-${B}}}", "two"),
        ("${U:-a:-b}", "a:-b"),
        ('${U:-{"k": 1}}', '{"k": 1}'),
        ("${U:-$$A}", "$A"),
        ("$A_", ""),
        ("$A-", "1-"),
        ("a $ b$", "a $ b$"),
        ("$1 $-", "$1 $-"),
    ],
)
def test_every_form(text: str, result: str) -> None:
    assert expand(text, ENV.get, []) == result


@pytest.mark.parametrize(
    ("text", "message", "offset"),
    [
        ("${U:?say it}", 'the variable "U" must be set: say it', 0),
        ("x ${E:?}", 'the variable "E" must be set', 2),
        ("${U?${B}}", 'the variable "U" must be set: two', 0),
        ("x${A", '"${" is not closed', 1),
        ("${}", '"${}" is not a variable', 0),
        ("${A!b}", '"${A!b}" is not a variable', 0),
        ("${U:-${1}}", '"${1}" is not a variable', 5),
        ("${U:-" * 60 + "}" * 60, "variables are nested too deeply", 255),
    ],
)
def test_errors(text: str, message: str, offset: int) -> None:
    with pytest.raises(TemplateError) as caught:
        expand(text, ENV.get, [])
    assert (caught.value.message, caught.value.offset) == (message, offset)


def test_missing_variables_are_told_with_their_place() -> None:
    missing: list[Missing] = []
    assert expand("a${U}b$V${W:-x}", ENV.get, missing) == "ab" + "x"
    assert missing == [Missing("U", 1), Missing("V", 6)]


@given(st.text(alphabet="ab${}:-?+ AUE_1", max_size=30))
def test_any_text_gives_text_or_an_error_within_it(text: str) -> None:
    place = 0
    try:
        expand(text, ENV.get, [])
    except TemplateError as error:
        place = error.offset
    assert 0 <= place <= len(text)


@given(st.text(max_size=30))
def test_doubled_dollars_come_back(text: str) -> None:
    assert expand(text.replace("$", "$$"), ENV.get, []) == text
