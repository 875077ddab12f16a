from __future__ import annotations

from pathlib import Path

from cais.engine.native.mounts import make_points
from cais.engine.native.oci import Mount


def test_mount_points_are_made_in_the_root_alone(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").touch()
    root = tmp_path / "root"
    (root / "there").mkdir(parents=True, mode=0o750)
    mounts = [
        Mount(destination="/there", type="tmpfs"),
        Mount(destination="/new/tmpfs", type="tmpfs"),
        Mount(destination="/a/folder", type="bind", source=str(source)),
        Mount(destination="/a/file", type="bind", source=str(source / "file")),
        Mount(destination="/a/folder/below", type="bind", source=str(source)),
        Mount(destination="/proc/x", type="bind", source=str(source)),
    ]
    make_points(str(root), mounts)
    made = {str(path.relative_to(root)): oct(path.stat().st_mode) for path in root.rglob("*")}
    assert made == {
        "there": "0o40750",
        "new": "0o40755",
        "new/tmpfs": "0o41777",
        "a": "0o40755",
        "a/folder": "0o40755",
        "a/file": "0o100644",
    }
