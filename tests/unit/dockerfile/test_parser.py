"""The corpus of odd Dockerfiles, and what no Dockerfile may do to the parser."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cais.dockerfile import lexer
from cais.dockerfile.instructions import Copy, Run
from cais.dockerfile.parser import parse, parse_trigger
from cais.errors import InvalidDockerfile, Span

HERE = Path(__file__).parent


def _corpus() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dockerfile_corpus", HERE / "corpus.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


CORPUS = _corpus()
CASES = sorted(path.name for path in (HERE / "cases").iterdir())


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    case = HERE / "cases" / name
    assert CORPUS.render(CORPUS.read(case)) == (case / "expected").read_text()


def test_trigger_with_heredoc_survives_the_image_config() -> None:
    stage = parse("FROM x\nONBUILD COPY <<A /a\nline\nA\n", "f").stages[0]
    trigger = parse_trigger(stage.instructions[0].trigger, "image x")  # type: ignore[union-attr]
    assert isinstance(trigger, Copy)
    assert trigger.heredocs[0].content == "line\n"


@pytest.mark.parametrize("text", ["", "FROM x", "ONBUILD RUN x", "RUN x\nRUN y", "# no", "NOPE"])
def test_bad_trigger_is_refused(text: str) -> None:
    with pytest.raises(InvalidDockerfile):
        parse_trigger(text, "image x")


def test_escape_directive_is_told() -> None:
    assert parse("# escape=`\nFROM x", "f").escape == "`"
    assert parse("FROM x", "f").escape == "\\"


def test_crlf_and_byte_order_mark_leave_no_trace() -> None:
    stage = parse("\ufeffFROM x\r\nRUN a \\\r\n  b\r\n", "f").stages[0]
    run = stage.instructions[0]
    assert isinstance(run, Run)
    assert stage.base.image == "x"
    assert run.command.argv == ("a   b",)
    assert (run.span, run.end_line) == (Span("f", 2, 1, 6), 3)


_PIECES = st.sampled_from(
    [
        "FROM ",
        "RUN ",
        "COPY ",
        "ENV ",
        "LABEL ",
        "ONBUILD ",
        "HEALTHCHECK ",
        "--mount=",
        "--from=",
        "type=cache",
        "<<EOF",
        "EOF",
        "\n",
        "\\\n",
        "`\n",
        " ",
        "\t",
        "#",
        "=",
        '"',
        "'",
        "[",
        "]",
        ",",
        "$",
        "${",
        "}",
        "\\",
        "x",
        "AS",
        "--",
        "\r\n",
        "# escape=`\n",
        "\ufeff",
        "é",
        "\x1c",
        "\u2028",
        "\0",
    ]
)
_TEXTS = st.one_of(st.text(max_size=200), st.lists(_PIECES, max_size=40).map("".join))


def _spans(text: str) -> list[Span | None]:
    try:
        dockerfile = parse(text, "f")
    except InvalidDockerfile as error:
        return [problem.span if problem.hint else None for problem in error.problems]
    return [each.span for stage in dockerfile.stages for each in (stage.base, *stage.instructions)]


@given(_TEXTS)
def test_any_text_is_read_or_refused_with_places(text: str) -> None:
    lines = text.removeprefix("\ufeff").split("\n")
    for span in _spans(text):
        assert span, "a problem has no place or no hint"
        assert 1 <= span.line <= len(lines)
        assert span.column >= 1
        assert span.column + span.length - 1 <= max(len(lines[span.line - 1]), 1) + 1


@given(_TEXTS)
def test_statements_lead_back_to_the_text(text: str) -> None:
    lines = text.removeprefix("\ufeff").split("\n")
    for statement in lexer.lex(text, "f").statements:
        for piece in statement.pieces:
            written = lines[piece.line - 1][piece.column - 1 : piece.column - 1 + piece.length]
            assert written == statement.text[piece.offset : piece.offset + piece.length]


def test_long_input_is_read_in_a_moment() -> None:
    text = "FROM x\n" + "RUN a \\\n" * 5_000 + " b\n" + "ENV " + 'a="b c" ' * 20_000 + "\nRUN " + "'" * 50_000 + "\n"
    assert len(parse(text, "f").stages[0].instructions) == 3


@pytest.mark.parametrize("text", ["[" * 100_000, "${a:-" * 10_000, "<<" * 10_000, "\\" * 10_001, '"' * 10_001])
def test_nesting_does_not_exhaust_the_stack(text: str) -> None:
    assert _spans(f"FROM x\nRUN <<A {text}\nA\n")
