from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cais.engine.native import logfiles, logs
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


def test_a_line_that_is_not_finished_does_not_count(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(entry("one") + entry("two") + entry("thr", flag="P") + entry("other", stream="stderr"))
    assert [line.text for line in read(str(log), tail=2, since=None, until=None)] == ["two", "thr", "other"]
    assert [line.text for line in read(str(log), tail=1, since=None, until=None)] == ["other"]
    logfiles.finish(str(log))
    assert [line.text for line in read(str(log), tail=1, since=None, until=None)] == ["other", ""]
    assert [line.text for line in read(str(log), tail=2, since=None, until=None)] == ["thr", "other", ""]


def test_the_end_of_a_container_finishes_its_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    logfiles.finish(str(log))  # no log, nothing to finish
    log.write_text(entry("a", flag="P") + entry("b") + entry("c", stream="stderr", flag="P"))
    logfiles.finish(str(log))
    logfiles.finish(str(log))
    pieces = list(read(str(log), tail=None, since=None, until=None))
    assert [(line.stream, line.partial, line.text) for line in pieces] == [
        ("stdout", True, "a"),
        ("stdout", False, "b"),
        ("stderr", True, "c"),
        ("stderr", False, ""),
    ]


# --- several files -----------------------------------------------------------------------------------------------------


class Rotated:
    """A log as conmon and the supervisor make it."""

    def __init__(self, folder: Path, max_files: int = 3) -> None:
        self.log = str(folder / "log")
        self._max_files = max_files
        self._folder = folder

    def write(self, *texts: str) -> None:
        with open(self.log, "a", encoding="ascii") as stream:
            stream.writelines(entry(text) for text in texts)

    def begin_anew(self) -> None:
        """What conmon does when the size is reached."""
        (self._folder / "log.tmp").touch()
        (self._folder / "log.tmp").rename(self.log)

    def look(self) -> None:
        logfiles.rotate(self.log, self._max_files, f"{self.log}-lock")

    def texts(self, tail: int | None = None) -> list[str]:
        return [line.text for line in read(self.log, tail=tail, since=None, until=None)]


def test_what_was_before_is_kept_as_long_as_it_may(tmp_path: Path) -> None:
    rotated = Rotated(tmp_path)
    rotated.look()  # there is none yet
    for text in "abcde":
        rotated.write(text)
        rotated.look()
        rotated.begin_anew()
    rotated.look()
    rotated.write("f")
    rotated.look()
    assert rotated.texts() == ["d", "e", "f"]
    assert [Path(name).name for name in logfiles.files(rotated.log)] == ["log.2", "log.1", "log"]


def test_nothing_is_lost_while_nobody_looks_once(tmp_path: Path) -> None:
    rotated = Rotated(tmp_path)
    rotated.write("a")
    rotated.look()
    rotated.begin_anew()
    rotated.write("b")
    assert rotated.texts() == ["a", "b"]
    rotated.look()
    assert rotated.texts() == ["a", "b"]


@given(st.lists(st.integers(0, 4), max_size=5), st.integers(0, 20))
def test_the_tail_goes_over_all_files(tmp_path_factory: pytest.TempPathFactory, sizes: list[int], count: int) -> None:
    rotated = Rotated(tmp_path_factory.mktemp("logs"), max_files=9)
    written = []
    for number, size in enumerate(sizes):
        texts = [f"{number}.{line}" for line in range(size)]
        rotated.write(*texts)
        written += texts
        rotated.look()
        rotated.begin_anew()
    rotated.look()
    assert rotated.texts() == written
    assert rotated.texts(count) == (written[-count:] if count else [])


def test_following_goes_from_file_to_file(tmp_path: Path) -> None:
    rotated, over = Rotated(tmp_path, max_files=9), False
    rotated.write("a")
    rotated.look()
    stream = follow(rotated.log, tail=None, since=None, ended=lambda: over)
    seen = [next(stream)]
    rotated.write("b")
    rotated.begin_anew()
    rotated.write("c")
    rotated.look()
    rotated.begin_anew()
    rotated.look()
    rotated.write("d")
    over = True
    seen.extend(stream)
    assert [line.text for line in seen if line is not None] == ["a", "b", "c", "d"]
