"""Where variables come from and where they are used."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.compose.conftest import Files, Loader

from cais.compose.discover import Request, discover
from cais.compose.template import TemplateError, pieces, variables
from cais.compose.variables import Variables
from cais.errors import Span


def test_the_environment_goes_before_env_files_and_keeps_no_place() -> None:
    known = Variables({"A": "process"}).below({"A": "file", "B": "file"}, {"A": Span(".env", 1), "B": Span(".env", 2)})
    assert dict(known) == {"A": "process", "B": "file"}
    assert (known.place("A"), known.place("B")) == (None, Span(".env", 2))
    assert known.with_value("B", "other").place("B") is None


def test_a_variable_of_an_env_file_knows_its_line() -> None:
    reader = Files({"compose.yaml": "", ".env": "# first\nA=1\n"})
    found = discover(Request(cwd="/p", env={}), reader)
    assert str(found.env.place("A")) == ".env:2:1"


def test_every_use_is_noted_with_its_place(loader: Loader) -> None:
    text = "services:\n  a:\n    image: x:${TAG:-${OTHER}}\n    command: [$TAG, '$${NO}', '${TAG:?}']\n"
    uses = loader.loaded(text, env={"TAG": "1"}, collect_uses=True).uses
    assert [(use.name, use.operator, use.word, str(use.span), use.value) for use in uses] == [
        ("TAG", ":-", "${OTHER}", "compose.yaml:3:14", "1"),
        ("OTHER", "", "", "compose.yaml:3:21", None),
        ("TAG", "", "", "compose.yaml:4:15", "1"),
        ("TAG", ":?", "", "compose.yaml:4:32", "1"),
    ]


def test_uses_in_included_and_extended_files(loader: Loader) -> None:
    text = "include: [inc.yaml]\nservices: {a: {extends: {file: base.yaml, service: b}}}\n"
    files = {"inc.yaml": "services: {i: {image: $I}}", "base.yaml": "services: {b: {image: $B}}"}
    uses = loader.loaded(text, files=files, env={"I": "i", "B": "b"}, collect_uses=True).uses
    assert sorted(str(use.span) for use in uses) == ["base.yaml:1:23", "inc.yaml:1:23"]


@given(st.text(alphabet="ab${}:-?+ AUE_1", max_size=30))
def test_the_pieces_of_a_text_without_variables_are_the_text(text: str) -> None:
    try:
        found = list(pieces(text))
        names = list(variables(text))
    except TemplateError:
        return
    if not names:
        assert "".join(map(str, found)) == text.replace("$$", "$")
