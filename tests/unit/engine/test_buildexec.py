import os
import threading
from pathlib import Path

import pytest

from cais.engine.native import buildexec
from cais.engine.native.buildexec import NativeBuildExecutor
from cais.engine.native.runtime import Runtime
from cais.locations import Locations


def test_a_bundle_being_made_is_not_taken_for_one_that_a_killed_build_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept: list[str] = []
    monkeypatch.setattr(buildexec, "_discard", lambda _runtime, folder: swept.append(os.path.basename(folder)))
    executor = NativeBuildExecutor(Locations(root=str(tmp_path), run=str(tmp_path)))
    left = tmp_path / "build/build-left"
    left.mkdir(parents=True)
    runtime = Runtime(name="crun", program="/nosuch", state="")
    sweeper = threading.Thread(target=executor._sweep, args=(runtime,))
    mkdir = os.mkdir

    def slow(path: str, mode: int = 0o777) -> None:
        mkdir(path, mode)
        sweeper.start()
        sweeper.join(0.1)  # long enough for it to look, if it were let

    monkeypatch.setattr("os.mkdir", slow)
    with buildexec._bundle(str(tmp_path / "build")) as folder:
        monkeypatch.setattr("os.mkdir", mkdir)
        sweeper.join(10)
        assert os.path.isdir(folder)
    assert swept == ["build-left"]
