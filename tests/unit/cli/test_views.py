"""Progress views render the same events; the terminal one with a fixed width and a hand-moved clock."""

import re

import pytest

from cais.cli.view.jsonlines import JsonView
from cais.cli.view.plain import PlainView
from cais.cli.view.quiet import QuietView
from cais.cli.view.tty import TtyView
from cais.events import BytesEvent, Event, MessageEvent, OutputEvent, Phase, ResourceEvent, StepEvent
from tests.fakes.clock import FakeClock

STARTING = ResourceEvent(kind="Container", name="shop-db-1", phase=Phase.WORKING, status="Starting")
WAITING = ResourceEvent(
    kind="Container", name="shop-db-1", phase=Phase.WORKING, status="Waiting", detail="api waits for it"
)
HEALTHY = ResourceEvent(kind="Container", name="shop-db-1", phase=Phase.DONE, status="Healthy")
WARNING = MessageEvent(phase=Phase.WARNING, text="careful")


def step(phase: Phase, *, cached: bool = False, elapsed_s: float = 0.0, detail: str = "") -> StepEvent:
    return StepEvent(
        build="api", step=2, name="RUN make", phase=phase, cached=cached, elapsed_s=elapsed_s, detail=detail
    )


def plain(*events: Event) -> str:
    written: list[str] = []
    view = PlainView(written.append)
    for event in events:
        view.emit(event)
    view.close()
    return "".join(written)


def test_plain_writes_one_line_an_event() -> None:
    assert plain(STARTING, WAITING, HEALTHY).splitlines() == [
        " Container shop-db-1  Starting",
        " Container shop-db-1  Waiting  (api waits for it)",
        " Container shop-db-1  Healthy",
    ]


def test_plain_cuts_build_output_into_whole_lines() -> None:
    output = [OutputEvent(build="api", step=2, text=text) for text in ("compi", "ling\nlin", "king")]
    assert plain(step(Phase.WORKING), *output, step(Phase.DONE, elapsed_s=1.25)).splitlines() == [
        "[api 2] RUN make",
        "[api 2] compiling",
        "[api 2] linking",
        "[api 2] DONE 1.2s",
    ]


def test_plain_says_cached_and_warns_and_leaves_out_moving_figures() -> None:
    moving = BytesEvent(kind="Image", name="nginx", done=5, total=10)
    assert plain(step(Phase.DONE, cached=True), WARNING, moving).splitlines() == [
        "[api 2] RUN make: CACHED",
        "warning: careful",
    ]


def test_plain_says_why_a_step_is_made() -> None:
    assert plain(step(Phase.WORKING, detail='"app.py" changed')) == '[api 2] RUN make  ("app.py" changed)\n'


def test_output_of_an_unfinished_line_is_not_lost() -> None:
    assert plain(OutputEvent(build="api", step=2, text="half")) == "[api 2] half\n"


def test_quiet_shows_warnings_only() -> None:
    written: list[str] = []
    view = QuietView(written.append)
    for event in (STARTING, step(Phase.DONE), WARNING, MessageEvent(phase=Phase.DONE, text="fine")):
        view.emit(event)
    assert written == ["warning: careful\n"]


def test_json_is_one_object_a_line_with_its_type() -> None:
    written: list[str] = []
    JsonView(written.append).emit(WAITING)
    assert written == [
        '{"type":"resource","kind":"Container","name":"shop-db-1","phase":"working","status":"Waiting","detail":"api waits for it"}\n'
    ]


class Screen:
    """Understands the few control sequences that the terminal view writes."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, text: str) -> None:
        for part in re.split(r"(\x1b\[\d+F\x1b\[J)", text):
            up = re.fullmatch(r"\x1b\[(\d+)F\x1b\[J", part)
            if up:
                del self.lines[len(self.lines) - int(up[1]) :]
            else:
                self.lines += [re.sub(r"\x1b\[\d*m", "", line) for line in part.split("\n")[:-1]]


def test_terminal_redraws_a_row_in_place_with_its_clock() -> None:
    screen, clock = Screen(), FakeClock()
    view = TtyView(screen.write, clock, lambda: (60, 24))
    view.emit(STARTING)
    clock.advance(1.5)
    view.emit(HEALTHY)
    view.close()
    assert len(screen.lines) == 1
    assert screen.lines[0].startswith(" ✔ Container shop-db-1  Healthy")
    assert screen.lines[0].endswith("1.5s")
    assert len(screen.lines[0]) <= 60


def test_terminal_keeps_messages_above_the_rows() -> None:
    screen = Screen()
    view = TtyView(screen.write, FakeClock(), lambda: (60, 24))
    view.emit(STARTING)
    view.emit(WARNING)
    view.emit(HEALTHY)
    view.close()
    assert [line.split("  ")[0].strip() for line in screen.lines] == ["warning: careful", "✔ Container shop-db-1"]


def test_terminal_shows_the_last_output_of_a_running_step_and_drops_it_after() -> None:
    screen = Screen()
    view = TtyView(screen.write, FakeClock(), lambda: (60, 24))
    view.emit(step(Phase.WORKING))
    view.emit(OutputEvent(build="api", step=2, text="".join(f"line {n}\n" for n in range(9))))
    assert [line.strip() for line in screen.lines[1:]] == [f"line {n}" for n in range(3, 9)]
    view.emit(step(Phase.DONE))
    view.close()
    assert len(screen.lines) == 1


def test_terminal_keeps_on_the_screen_why_a_step_was_made() -> None:
    screen = Screen()
    view = TtyView(screen.write, FakeClock(), lambda: (60, 24))
    view.emit(step(Phase.WORKING, detail='"app.py" changed'))
    view.emit(step(Phase.DONE))
    view.close()
    assert '"app.py" changed' in screen.lines[0]


def test_long_rows_are_cut_to_the_terminal() -> None:
    screen = Screen()
    view = TtyView(screen.write, FakeClock(), lambda: (40, 24))
    view.emit(ResourceEvent(kind="Container", name="n" * 80, phase=Phase.DONE, status="Started"))
    view.close()
    assert len(screen.lines[0]) <= 40


@pytest.mark.parametrize(
    ("done", "total", "shown"),
    [
        (0, 25_000_000, "[>                   ] 0.0/25.0 MB"),
        (12_500_000, 25_000_000, "[==========>         ] 12.5/25.0 MB"),
        (25_000_000, 25_000_000, "[====================] 25.0/25.0 MB"),
        (30_000_000, 25_000_000, "[====================] 30.0/25.0 MB"),
        (3_000_000, None, "3.0 MB"),
    ],
)
def test_a_bar_says_how_far_a_transfer_is(done: int, total: int | None, shown: str) -> None:
    written: list[str] = []
    view = TtyView(written.append, FakeClock(), lambda: (100, 24))
    view.emit(BytesEvent(kind="Layer", name="abc", done=done, total=total))
    view.close()
    assert f"Layer abc  {shown}" in "".join(written)
