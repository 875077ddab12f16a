from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from cais.errors import InvalidImage
from cais.images.layer import digest_layer, layer_tar


def make(root: Path, order: list[str]) -> None:
    root.mkdir()
    for name in order:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    os.link(root / "b/two", root / "a-link")
    (root / "link").symlink_to("b/two")
    os.mkfifo(root / "pipe")


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    names = ["b/two", "b/one", "z", "é", "b/" + "n" * 150]
    make(tmp_path / "one", names)
    make(tmp_path / "two", names[::-1])
    assert digest_layer(str(tmp_path / "one"), epoch_s=0) == digest_layer(str(tmp_path / "two"), epoch_s=0)
    data = b"".join(layer_tar(str(tmp_path / "one"), epoch_s=0))
    assert len(data) == digest_layer(str(tmp_path / "one"), epoch_s=0)[1]


def test_entries_are_sorted_numeric_and_clamped(tmp_path: Path) -> None:
    make(tmp_path / "root", ["b/two", "b/one", "z"])
    os.utime(tmp_path / "root/z", (5, 5.9))
    data = b"".join(layer_tar(str(tmp_path / "root"), epoch_s=1000))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = archive.getmembers()
    shown = [(m.name, m.type.decode(), m.linkname, m.mtime, m.uname) for m in members]
    assert shown == [
        ("a-link", "0", "", 1000, ""),
        ("b", "5", "", 1000, ""),
        ("b/one", "0", "", 1000, ""),
        ("b/two", "1", "a-link", 1000, ""),
        ("link", "2", "b/two", 1000, ""),
        ("pipe", "6", "", 1000, ""),
        ("z", "0", "", 5, ""),
    ]


def test_names_that_mark_removals_are_refused(tmp_path: Path) -> None:
    (tmp_path / ".wh.x").write_text("")
    with pytest.raises(InvalidImage, match="mark removals"):
        digest_layer(str(tmp_path))
