from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path

import pytest

from fotogal import demo
from fotogal.__main__ import main
from fotogal.catalogue.sqlite import open_sqlite
from fotogal.passwords import Passwords
from fotogal.settings import BUCKET, from_environment
from fotogal.stores import OBJECTS_FOLDER, SQLITE_FILE, open_catalogue, open_objects
from world import CHEAP


@pytest.fixture(autouse=True)
def embedded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FOTOGAL_DATA", str(tmp_path / "data"))


def test_provision_says_what_it_did_and_then_that_there_is_nothing_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["provision"]) == 0
    assert "created table fotogal_ntable_images" in capsys.readouterr().out.splitlines()
    assert main(["provision"]) == 0
    assert capsys.readouterr().out == "nothing to do: everything is there\n"


def test_a_bad_setting(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOTOGAL_OBJECTS", "tape")
    assert main(["provision"]) == 2
    assert capsys.readouterr().err.startswith("fotogal: FOTOGAL_OBJECTS: ")


def test_a_store_that_does_not_answer(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no folder")
    assert main(["provision"]) == 1
    assert "fotogal: " in capsys.readouterr().err


def test_generate_fills_an_empty_catalogue_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    numbers = ["--users", "40", "--photos", "80", "--follows", "200", "--heavy", "1", "--heavy-follows", "20"]
    assert main(["generate", *numbers, "--password", "uma senha longa"]) == 0
    assert capsys.readouterr().out == "40 people, 80 photos, 200 follows\n"
    with closing(open_sqlite(tmp_path / "data" / SQLITE_FILE)) as catalogue:
        person = catalogue.user_by_username("pessoa_0")
        assert person is not None
        assert Passwords().verify(person.password, "uma senha longa")
        assert catalogue.counts(person.id).following == 20
        assert catalogue.counts(person.id).followers == len(catalogue.followers(person.id, 100))
        assert catalogue.provision() == []  # the indexes are there again
    assert main(["generate", *numbers]) == 2
    assert "already" in capsys.readouterr().err


def test_numbers_that_cannot_be(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "--users", "2", "--follows", "1000"]) == 2
    assert "need more people" in capsys.readouterr().err


def test_sweep_says_what_it_removed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    main(["provision"])
    folder = tmp_path / "data" / OBJECTS_FOLDER / BUCKET / f"123-12x8-{'a' * 16}"
    folder.mkdir()
    (folder / "full.png").write_bytes(b"...")
    two_hours_ago = time.time() - 2 * 60 * 60
    os.utime(folder / "full.png", (two_hours_ago, two_hours_ago))
    capsys.readouterr()
    assert main(["sweep"]) == 0
    assert capsys.readouterr().out == "1 objects, 1 removed; 0 expired sessions and attempts removed\n"
    assert not folder.exists()


def test_demo_makes_people_with_photos_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "MEASURES", ((60, 40),))
    monkeypatch.setattr("fotogal.passwords.Passwords", lambda: CHEAP)
    main(["provision"])
    capsys.readouterr()
    assert main(["demo", "--password", "uma senha longa"]) == 0
    assert capsys.readouterr().out == "7 people, 20 photos; log in as ana_maria\n"
    with (
        closing(open_objects(from_environment(os.environ))) as objects,
        closing(open_catalogue(from_environment(os.environ))) as catalogue,
    ):
        ana = catalogue.user_by_username("ana_maria")
        assert ana is not None
        assert CHEAP.verify(ana.password, "uma senha longa")
        timeline = catalogue.timeline(ana.id, 50)
        assert len(timeline) == 15  # her own, and those of the two public accounts she follows
        assert all(objects.get(shown.photo.image_uri) for shown in timeline)
        assert timeline[0].photo.created_ts <= time.time_ns() // 1_000_000
    assert main(["demo", "--password", "uma senha longa"]) == 2
    assert "já foi feita" in capsys.readouterr().err


def test_demo_with_a_password_that_will_not_do(capsys: pytest.CaptureFixture[str]) -> None:
    main(["provision"])
    assert main(["demo", "--password", "curta"]) == 2
    assert "pelo menos 10" in capsys.readouterr().err
