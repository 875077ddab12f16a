"""A remembered project is given again only when nothing it rests on has changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cais.cli import loadmemo
from cais.cli.loading import load
from cais.cli.options import GlobalOptions
from cais.compose.model.project import Project
from cais.locations import Locations

FILE = """
name: p
services:
  a:
    image: "i:${TAG:-1}"
    environment: [PASSED]
    env_file: [{path: more.env, required: false}]
"""
ENV = {"HOME": "/h", "PASSED": "x", "_": "/bin/cais"}


class Place:
    """A project folder, a root, and a loader that tells whether it had to load."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder / "project"
        self.root = folder / "root"
        self.folder.mkdir()
        self.root.mkdir()
        self.kept = 0
        keep = loadmemo.LoadMemo.keep

        def counted(*args: object) -> None:
            self.kept += 1
            keep(*args)  # type: ignore[arg-type] # passed on as they come

        monkeypatch.setattr(loadmemo.LoadMemo, "keep", counted)
        self.write("compose.yaml", FILE)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def load(self, env: dict[str, str] | None = None, options: GlobalOptions | None = None) -> Project:
        locations = Locations(root=str(self.root), run=str(self.root))
        return load(options or GlobalOptions(), {**ENV, **(env or {})}, str(self.folder), (), locations).project


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, monkeypatch)


def test_the_second_time_nothing_is_read_and_the_same_comes(place: Place) -> None:
    first = place.load()
    assert place.load() == first
    assert place.kept == 1


CHANGES: dict[str, Callable[[Place], None]] = {
    "a file": lambda place: place.write("compose.yaml", FILE + "    user: u\n"),
    "an override comes": lambda place: place.write("compose.override.yaml", "services: {a: {user: u}}"),
    "an .env comes": lambda place: place.write(".env", "TAG=2"),
    "an optional env file comes": lambda place: place.write("more.env", "A=1"),
    "a file goes": lambda place: os.rename(place.folder / "compose.yaml", place.folder / "compose.yml"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_is_seen(place: Place, change: str) -> None:
    first = place.load()
    CHANGES[change](place)
    again = place.load()
    assert place.kept == 2
    assert again.files != first.files or again.services != first.services


@pytest.mark.parametrize("env", [{"TAG": "2"}, {"PASSED": "y"}, {"HOME": "/other"}, {"COMPOSE_PROFILES": "q"}])
def test_a_variable_that_counts_is_seen(place: Place, env: dict[str, str]) -> None:
    place.load()
    place.load(env)
    assert place.kept == 2


def test_other_variables_do_not_count_and_arrive(place: Place) -> None:
    place.write(".env", "TAG=7")
    place.load()
    again = place.load({"_": "/bin/other", "OTHER": "ol\udce9", "TA": "x"})
    assert place.kept == 1
    assert again.environment["OTHER"] == "ol\ufffd"
    assert again.environment["TAG"] == "7"
    assert again.services["a"].image == "i:7"


def test_another_question_is_another_answer(place: Place) -> None:
    place.load()
    assert place.load(options=GlobalOptions(project_name="other")).name == "other"
    assert place.load().name == "p"


def test_a_name_is_looked_for_as_a_word() -> None:
    texts = {"f": "image: ${TAG} $_x PATHS"}
    assert set(loadmemo.relevant({"TAG": "1", "_": "2", "PATH": "3", "TA": "4", "x": "5"}, texts)) == {"TAG"}


def test_a_spoilt_memory_is_no_memory(place: Place) -> None:
    first = place.load()
    for entry in (place.root / loadmemo.FOLDER).iterdir():
        entry.write_bytes(b"\x81nonsense")
    assert place.load() == first


def test_it_is_for_its_owner_and_stays_small(place: Place) -> None:
    for number in range(loadmemo.ENTRIES + 3):
        place.load(options=GlobalOptions(project_name=f"p{number}"))
    entries = list((place.root / loadmemo.FOLDER).iterdir())
    assert len(entries) == loadmemo.ENTRIES
    assert {entry.stat().st_mode & 0o777 for entry in entries} == {0o600}
