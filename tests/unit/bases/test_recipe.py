import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from cais.bases.recipe import File, Folder, Link


class PlainRoot:
    """A root that runs nothing."""

    def __init__(self, path: str) -> None:
        self.path = path

    def run(self, argv: Sequence[str], *, env: Mapping[str, str]) -> None:
        raise AssertionError(argv)


OWNER = (os.getuid(), os.getgid())


def test_file_replaces_a_link_and_never_leaves_the_root(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "victim").write_text("mine")
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/conf").symlink_to(outside / "victim")
    (root / "var").symlink_to(outside)
    for path in ("/etc/conf", "/var/new"):
        File(path, "text", 0o600, OWNER).apply(PlainRoot(str(root)))
    assert (root / "etc/conf").read_text() == "text"
    assert (outside / "victim").read_text() == "mine"
    assert not (outside / "new").exists()


def test_folder_and_link(tmp_path: Path) -> None:
    root = PlainRoot(str(tmp_path))
    Folder("/a/b", 0o1777, OWNER).apply(root)
    Link("/a/l", "b").apply(root)
    Link("/a/l", "c").apply(root)
    assert (tmp_path / "a/b").stat().st_mode & 0o7777 == 0o1777
    assert os.readlink(tmp_path / "a/l") == "c"
