from __future__ import annotations

import os
from pathlib import Path

from cais.engine.native.mountpoints import MountPoint, present

OLD = 1_000_000_000_000_000_000


def tree(root: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_mode, path.stat().st_mtime_ns) for path in (root, *root.rglob("*"))}


def make(root: Path) -> dict[str, tuple[int, int]]:
    (root / "etc").mkdir(parents=True)
    (root / "etc/there").write_text("x")
    for path in (root / "etc", root):
        os.utime(path, ns=(OLD, OLD))
    return tree(root)


POINTS = (
    MountPoint("/etc/hosts", is_folder=False),
    MountPoint("/etc/there", is_folder=False),
    MountPoint("/run/secrets/key", is_folder=False),
    MountPoint("/run/lock", is_folder=True),
)


def test_points_are_there_and_gone_again(tmp_path: Path) -> None:
    root = tmp_path / "root"
    before = make(root)
    with present(str(root), POINTS):
        assert (root / "etc/hosts").is_file()
        assert (root / "run/secrets/key").is_file()
        assert (root / "run/lock").is_dir()
    assert tree(root) == before


def test_after_a_failure_too(tmp_path: Path) -> None:
    root = tmp_path / "root"
    before = make(root)
    try:
        with present(str(root), POINTS):
            raise RuntimeError
    except RuntimeError:
        pass
    assert tree(root) == before


def test_what_was_used_stays_with_its_time(tmp_path: Path) -> None:
    root = tmp_path / "root"
    make(root)
    with present(str(root), POINTS):
        (root / "run/lock/mine").write_text("x")
        (root / "etc/new").write_text("x")
        (root / "etc/hosts").unlink()
        os.utime(root / "etc", ns=(OLD + 5, OLD + 5))
    assert sorted(str(path.relative_to(root)) for path in root.rglob("*")) == [
        "etc",
        "etc/new",
        "etc/there",
        "run",
        "run/lock",
        "run/lock/mine",
    ]
    assert (root / "etc").stat().st_mtime_ns == OLD + 5
