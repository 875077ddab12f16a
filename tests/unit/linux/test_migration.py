"""The lock is kept free exactly while somebody asks for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cais.linux import migration
from cais.linux.migration import QuickMoves


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    """No test hands its keeper on to the next."""
    yield
    for thread in keepers():
        thread.join(10)


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cgroup.procs"
    path.touch()
    monkeypatch.setattr(migration, "_own_list", lambda: str(path))
    return path


def keepers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "cais-cgroup"]


def until_written(path: Path) -> None:
    pause = threading.Event()
    for _ in range(2000):
        if path.stat().st_size:
            return
        pause.wait(0.005)
    raise AssertionError("nothing was written")


def test_one_keeper_for_all_and_none_afterwards(written: Path) -> None:
    moves = QuickMoves()
    with moves.awaited(), moves.awaited():
        assert len(keepers()) == 1
        until_written(written)
    for thread in keepers():
        thread.join(10)
    assert keepers() == []


def test_it_can_be_asked_again(written: Path) -> None:
    moves = QuickMoves()
    for _ in range(2):
        written.write_text("")
        with moves.awaited():
            until_written(written)


def test_without_cgroups_nothing_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migration, "_own_list", lambda: "")
    with QuickMoves().awaited():
        assert keepers() == []
