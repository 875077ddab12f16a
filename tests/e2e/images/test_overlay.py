from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cais.errors import HostError
from cais.linux import mount
from cais.linux.overlay import mount_overlay

pytestmark = pytest.mark.root


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for point in mount.mounts_below(str(tmp_path)):
        mount.unmount(point, lazy=True)


def make(folder: Path, *names: str) -> list[str]:
    paths = []
    for name in names:
        (folder / name).mkdir(parents=True)
        paths.append(str(folder / name))
    return paths


def test_127_layers_with_long_paths_mount(folder: Path) -> None:
    lowers = make(folder, *(f"{'long' * 50}/{'name' * 40}-{number}" for number in range(127)))
    for number, lower in enumerate(lowers):
        (Path(lower) / f"file{number}").write_text("x")
        (Path(lower) / "same").write_text(str(number))
    upper, work, target = make(folder, "up,per", "wo:rk", "target")
    mount_overlay(lowers, upper, work, target)
    assert len(os.listdir(target)) == 128
    assert (Path(target) / "same").read_text() == "126"
    (Path(target) / "new").write_text("y")
    assert (Path(upper) / "new").exists()
    assert mount.is_mounted(target)
    mount.unmount(target)
    assert not mount.is_mounted(target)


def test_no_descriptor_is_leaked(folder: Path) -> None:
    lower, upper, work, target = make(folder, "l", "u", "w", "t")
    before = os.listdir("/proc/self/fd")
    mount_overlay([lower], upper, work, target, volatile=True)
    assert os.listdir("/proc/self/fd") == before


def test_overlay_as_upper_is_explained(folder: Path) -> None:
    lower, upper, work, target = make(folder, "l", "u", "w", "t")
    mount_overlay([lower], upper, work, target)
    inner = make(Path(target), "u", "w", "t")
    with pytest.raises(HostError, match="cannot mount an overlay") as caught:
        mount_overlay([lower], *inner)
    assert caught.value.hint is not None
    assert "CAIS_ROOT" in caught.value.hint


def test_bind_read_only_and_the_order_of_unmounting(folder: Path) -> None:
    source, outer = make(folder, "source", "outer dir")
    (Path(source) / "inner").mkdir()
    mount.bind(source, outer, read_only=True)
    mount.tmpfs(os.path.join(outer, "inner"))
    assert mount.mounts_below(str(folder)) == (os.path.join(outer, "inner"), outer)
    with pytest.raises(OSError, match="Read-only"):
        (Path(outer) / "x").write_text("")
    for point in mount.mounts_below(str(folder)):
        mount.unmount(point)
    with contextlib.suppress(OSError):
        mount.unmount(outer)
    assert mount.mounts_below(str(folder)) == ()
