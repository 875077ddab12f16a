"""The small pure parts of the command line."""

import pytest

from cais.cli.scaling import scale_options
from cais.cli.variables import variables
from cais.cli.view.moments import moment
from cais.cli.view.table import ago, size, table
from cais.errors import UsageError


def test_table_aligns_columns() -> None:
    assert table(("A", "LONG"), [("value", "x"), ("v", "y")]) == "A       LONG\nvalue   x\nv       y\n"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "Less than a second"), (1, "1 second"), (59, "59 seconds"), (60, "About a minute"), (150, "2 minutes"), (3600, "About an hour"), (7300, "2 hours"), (200000, "2 days"), (1.3e6, "2 weeks"), (6e6, "2 months"), (8e7, "2 years")],
)  # fmt: skip
def test_ago_in_dockers_words(seconds: float, words: str) -> None:
    assert ago(seconds) == words


@pytest.mark.parametrize(
    ("given", "shown"),
    [(0, "0B"), (999, "999B"), (1500, "1.5kB"), (123_456_789, "123MB"), (2.5e9, "2.5GB"), (3e12, "3TB")],
)
def test_sizes(given: float, shown: str) -> None:
    assert size(given) == shown


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("42m", 1000 - 42 * 60),
        ("1h30m", 1000 - 5400),
        ("500ms", 999.5),
        ("77", 77.0),
        ("1970-01-01T00:01:00Z", 60.0),
        ("1970-01-01T01:00:00+01:00", 0.0),
    ],
)
def test_moments(text: str, seconds: float) -> None:
    assert moment(text, 1000.0) == seconds


@pytest.mark.parametrize("text", ["yesterday", "", "5 parsecs", "2026-13-01"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time"):
        moment(text, 0.0)


def test_scale_options() -> None:
    assert scale_options(["web=3", "db=0"]) == {"web": 3, "db": 0}
    with pytest.raises(UsageError, match="SERVICE=N"):
        scale_options(["web=x"])


def test_variables_take_the_callers_value_when_none_is_given() -> None:
    assert variables(["A=1", "B", "C", "D=x=y"], {"B": "2"}) == {"A": "1", "B": "2", "D": "x=y"}
    with pytest.raises(UsageError, match="is not a variable"):
        variables(["=x"], {})
