from pathlib import Path

import pytest

from cais.database import Database
from cais.engine.protocol import Health
from cais.supervise import events, history
from cais.supervise.history import History
from cais.supervise.journal import LONGEST_BYTES, Journal
from cais.supervise.keeper import Seen

ABOUT = {"service": "web", "container": "demo-web-1", "container_id": "c1"}


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(str(tmp_path / "cais.db"))


def samples(at: float) -> list[events.SupervisorEvent]:
    return [
        events.ContainerCreated(at=at, **ABOUT),
        events.ContainerStarted(at=at, automatic=True, service="web", container="demo-web-1", container_id="c1"),
        events.HealthChanged(at=at, previous=Health.STARTING, health=Health.HEALTHY, **ABOUT),
        events.ProbeFailed(at=at, exit_code=1, output="no", failing_streak=1, **ABOUT),
        events.ContainerExited(at=at, exit_code=1, service="web", container="demo-web-1", container_id="c1"),
        events.ContainerRestarting(at=at, delay_s=0.1, attempt=1, cause="x", **ABOUT),
        events.SupervisorFault(at=at, message="x", **ABOUT),
        events.ContainerRemoved(at=at, **ABOUT),
    ]


def test_every_event_comes_back_as_it_was(database: Database) -> None:
    kept = History(database, "demo")
    kept.append(samples(5.0))
    assert list(kept.read()) == samples(5.0)
    assert History(database, "other").read() == ()


def test_reading_a_span_of_time(database: Database) -> None:
    kept = History(database, "demo")
    for at in (1.0, 2.0, 3.0):
        kept.append(samples(at)[:1])
    assert [event.at for event in kept.read(since=2.0)] == [2.0, 3.0]
    assert [event.at for event in kept.read(until=2.0)] == [1.0, 2.0]


def test_the_oldest_go(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "KEPT_EVENTS", 10)
    other, kept = History(database, "other"), History(database, "demo")
    other.append(samples(0.0))
    for at in range(300):
        kept.append(samples(float(at))[:1])
    assert 10 <= len(kept.read()) <= 10 + history.SWEEP_EVERY
    assert kept.read()[-1].at == 299.0
    assert len(other.read()) == len(samples(0.0))


def test_what_was_told_is_known(database: Database) -> None:
    kept = History(database, "demo")
    kept.append(samples(3.0))
    kept.append(samples(7.0)[:2])
    assert kept.seen() == {"c1": Seen(started_at=7.0, exited_at=3.0)}


def test_the_log_is_bounded_and_keeps_the_newest(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path / "log"))
    for number in range(6_000):
        journal.write(1.0, f"entry {number} " + "x" * 80)
    text = (tmp_path / "log").read_text()
    assert len(text) <= LONGEST_BYTES
    assert text.startswith("1970-01-01T00:00:01.000000Z entry ")
    assert "entry 5999 " in text.splitlines()[-1]
