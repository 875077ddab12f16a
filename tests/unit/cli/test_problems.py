from pathlib import Path

from cais.cli.view.problems import render_error, render_warning
from cais.errors import CaisError, InvalidProject, Problem, Span


def test_the_line_is_shown_with_a_mark(tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    file.write_text("services:\n  web:\n    imgae: x\n")
    error = InvalidProject([Problem('unknown attribute "imgae"', Span(str(file), 3, 5, 5), 'did you mean "image"?')])
    lines = render_error(error, color=False).splitlines()
    assert lines[0].endswith('compose.yaml:3:5: unknown attribute "imgae"')
    assert lines[1:] == ["  3 |     imgae: x", "    |     ^^^^^", '  hint: did you mean "image"?']


def test_every_problem_of_a_file_is_shown() -> None:
    error = InvalidProject([Problem("one"), Problem("two")])
    assert render_error(error, color=False) == "error: one\nerror: two\n"


def test_details_follow_the_message() -> None:
    assert render_error(CaisError("it failed", details=["a", "b"]), color=False) == "error: it failed\n  | a\n  | b\n"


def test_a_place_in_a_file_that_is_gone_is_still_named() -> None:
    error = CaisError("odd", span=Span("/nowhere/compose.yaml", 3, 1))
    assert "compose.yaml:3:1: odd" in render_error(error, color=False)


def test_a_line_beyond_the_end_shows_no_quote(tmp_path: Path) -> None:
    file = tmp_path / "short"
    file.write_text("one\n")
    assert len(render_error(CaisError("odd", span=Span(str(file), 9, 1)), color=False).splitlines()) == 1


def test_a_warning_is_one_line() -> None:
    text = render_warning(Problem("not honoured", Span("compose.yaml", 2, 3), "remove it"), color=False)
    assert text == "warning: compose.yaml:2:3: not honoured (remove it)\n"
