from __future__ import annotations

from pathlib import Path

import pytest

from fotogal.__main__ import main


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
