from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cais.engine.native import logs
from cais.engine.native.logs import follow, parse, parse_time, read

STAMP = "2026-11-21T09:40:00.123456789+00:00"


def entry(text: str, *, stream: str = "stdout", flag: str = "F", second: int = 0) -> str:
    return f"2026-11-21T09:40:{second:02d}.5+00:00 {stream} {flag} {text}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:01Z", 1.0),
        ("1970-01-01T00:00:01.25Z", 1.25),
        ("1970-01-01T01:00:01.500000000+01:00", 1.5),
        ("1969-12-31T22:30:00-01:30", 0.0),
        ("nonsense", None),
        ("", None),
    ],
)
def test_times(text: str, expected: float | None) -> None:
    assert parse_time(text) == expected


def test_a_line_has_time_stream_and_text() -> None:
    line = parse(f"{STAMP} stderr F two  words ".encode())
    assert line is not None
    assert (line.stream, line.text, line.partial) == ("stderr", "two  words ", False)
    assert line.at == pytest.approx(1795254000.123, abs=0.001)
    empty = parse(f"{STAMP} stdout F ".encode())
    assert empty is not None
    assert empty.text == ""
    assert parse(b"cut short") is None


def test_since_and_until(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(entry(str(second), second=second) for second in range(10)))
    first = parse_time("2026-11-21T09:40:00.5Z") or 0.0
    found = read(str(log), tail=None, since=first + 3, until=first + 5)
    assert [line.text for line in found] == ["3", "4", "5"]
    assert list(read(str(tmp_path / "none"), tail=3, since=None, until=None)) == []


lines = st.lists(
    st.tuples(
        st.sampled_from(["stdout", "stderr"]),
        st.text(st.characters(codec="ascii", exclude_characters="\n\r"), max_size=40),
    ),
    max_size=60,
)


@given(lines, st.integers(0, 70), st.integers(30, 400))
def test_the_tail_is_the_end_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, written: list[tuple[str, str]], count: int, block: int
) -> None:
    log = tmp_path_factory.mktemp("logs") / "log"
    log.write_text("".join(entry(text, stream=stream) for stream, text in written), newline="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "BLOCK_BYTES", block)
        tail = list(read(str(log), tail=count, since=None, until=None))
    assert tail == (list(read(str(log), tail=None, since=None, until=None))[-count:] if count else [])


def test_pieces_of_one_line_are_one_line_to_the_tail(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        entry("first")
        + entry("long ", flag="P")
        + entry("between", stream="stderr")
        + entry("line", flag="F")
        + entry("last")
    )
    assert [line.text for line in read(str(log), tail=3, since=None, until=None)] == [
        "long ",
        "between",
        "line",
        "last",
    ]
    assert [line.text for line in read(str(log), tail=1, since=None, until=None)] == ["last"]


def test_following_goes_on_until_the_end_and_survives_a_new_file(tmp_path: Path) -> None:
    log = tmp_path / "log"
    over = False
    log.write_text(entry("old") + entry("one"))
    stream = follow(str(log), tail=1, since=None, ended=lambda: over)
    first = next(stream)
    assert first is not None
    assert first.text == "one"
    assert next(stream) is None
    whole = entry("two")
    with log.open("a") as writer:
        writer.write(whole[:20])
    assert next(stream) is None  # half a line is not shown
    with log.open("a") as writer:
        writer.write(whole[20:])
    assert (line := next(stream)) is not None
    assert line.text == "two"
    fresh = tmp_path / "fresh"
    fresh.write_text(entry("three"))
    fresh.rename(log)
    shown = [line.text for line in (next(stream), next(stream)) if line is not None]
    assert shown == ["three"]
    over = True
    assert [line for line in stream if line is not None] == []
