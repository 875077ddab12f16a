from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from cais.engine.native import runtime
from cais.errors import Conflict, UsageError
from cais.locations import Locations, find_locations


def test_a_runtime_that_is_not_known_is_refused() -> None:
    with pytest.raises(UsageError, match='"docker"'):
        runtime.candidates("docker")


def test_the_environment_names_the_runtime(tmp_path: Path) -> None:
    assert find_locations({"CAIS_ROOT": str(tmp_path), "CAIS_RUNTIME": "runc"}, uid=0).runtime == "runc"


def test_another_runtime_while_containers_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cais.engine.native.trial.first_working", lambda found, folder: found[0])
    monkeypatch.setattr(runtime, "find_program", lambda name: "/bin/sh")
    places = Locations(root=str(tmp_path), run=str(tmp_path))
    assert runtime.choose(places).name == "crun"
    wanted = msgspec.structs.replace(places, runtime="runc")
    assert runtime.choose(wanted).name == "runc"
    (tmp_path / "runtime/1234").mkdir(parents=True)
    with pytest.raises(Conflict, match="made with runc"):
        runtime.choose(places)
    assert runtime.choose(wanted).name == "runc"
