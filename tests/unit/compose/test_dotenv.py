from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cais.compose import dotenv
from cais.compose.problems import Problems

ENV = {"FROM_ENV": "env", "A": "outer"}


def parse(text: str, *, raw: bool = False) -> tuple[dict[str, str | None], list[str]]:
    problems = Problems()
    settings = (dotenv.parse_raw if raw else dotenv.parse)(text, ".env", ENV, problems)
    return {key: setting.value for key, setting in settings.items()}, [str(problem) for problem in problems.errors]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("X=1\nY=two words  \n", {"X": "1", "Y": "two words"}),
        ("# c\n\n  X = 1 # c\nY=a#b", {"X": "1", "Y": "a#b"}),
        ("export X=1\nexport FROM_ENV\n", {"X": "1", "FROM_ENV": "env"}),
        ("X: yaml", {"X": "yaml"}),
        ("X=\nY", {"X": "", "Y": None}),
        ("X='$A \\n' # c", {"X": "$A \\n"}),
        ("X='it\\'s'", {"X": "it's"}),
        ('X="a\\tb\\n$A \\$A \\"q\\" \\\\"', {"X": 'a\tb\nouter $A "q" \\'}),
        ('X="over\ntwo lines"\nY=1', {"X": "over\ntwo lines", "Y": "1"}),
        ("X=a\\nb", {"X": "a\\nb"}),
        ("X=1\nY=${X}${U:-d}$A", {"X": "1", "Y": "1douter"}),
        ("A=inner\nY=$A", {"A": "inner", "Y": "outer"}),
        ("X=$$A", {"X": "$A"}),
        ("X.y-z=1\r\nW=2\r\n", {"X.y-z": "1", "W": "2"}),
    ],
)
def test_syntax(text: str, values: dict[str, str | None]) -> None:
    assert parse(text) == (values, [])


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("X=1\na b=3", '.env:2:2: "a b" is not a variable name'),
        ("=x", ".env:1:1: a line must be NAME=value"),
        ('X="open\nY=1', '.env:1:3: the quote " is not closed'),
        ("X=${A", '.env:1:3: "${" is not closed'),
        ("X=${U:?no U}", '.env:1:3: the variable "U" must be set: no U'),
    ],
)
def test_errors_are_placed(text: str, error: str) -> None:
    assert parse(text)[1] == [error]


def test_what_follows_a_wrong_line_is_still_read() -> None:
    assert parse("a b\nX=1\n=\nY=2")[0] == {"X": "1", "Y": "2"}


def test_raw_files_are_taken_as_they_are() -> None:
    assert parse("X='a' # b\n# c\nY=$A\nFROM_ENV", raw=True) == ({"X": "'a' # b", "Y": "$A", "FROM_ENV": "env"}, [])


NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.]{0,8}", fullmatch=True)
VALUES = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


def _double_quoted(value: str) -> str:
    for character in '\\"$':
        value = value.replace(character, "\\" + character)
    return f'"{value}"'


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_any_value_can_be_written_in_double_quotes(values: dict[str, str]) -> None:
    text = "\n".join(f"{name}={_double_quoted(value)} # {name}" for name, value in values.items())
    assert parse(text) == (values, [])


@given(st.dictionaries(NAMES, st.text(alphabet='ab $"#=:{}\n\t', max_size=12), max_size=4))
def test_single_quotes_keep_everything(values: dict[str, str]) -> None:
    assert parse("\n".join(f"export {name}='{value}'" for name, value in values.items())) == (values, [])


@given(st.text(alphabet="ab.-/: =", max_size=12), st.text(alphabet="ab", max_size=3))
def test_a_value_without_quotes_ends_at_a_comment(value: str, comment: str) -> None:
    assert parse(f"A=x{value} #{comment}")[0] == {"A": f"x{value}".rstrip()}
