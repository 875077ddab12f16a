"""Folders that say nothing must leave a layer, all others stay."""

import os
from pathlib import Path

from cais.images.fold import fold_folders


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).mkdir(parents=True)
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (1, 1))


def left(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_only_empty_folders_that_are_the_same_below_are_removed(tmp_path: Path) -> None:
    low, middle, upper = (tmp_path / name for name in ("low", "middle", "upper"))
    make(low, "etc/deep", "var", "mode", "time", "shadowed")
    make(middle, "shadowed")
    make(upper, "etc/deep", "var", "mode", "time", "new", "shadowed")
    (upper / "var/file").touch()
    os.chmod(upper / "mode", 0o700)
    os.utime(upper / "time", (2, 2))
    os.chmod(low / "shadowed", 0o700)
    fold_folders(str(upper), (str(low), str(middle)))
    assert left(upper) == {"var", "var/file", "mode", "time", "new"}
    assert os.stat(upper).st_mtime == 1


def test_a_file_below_is_no_folder(tmp_path: Path) -> None:
    low, upper = tmp_path / "low", tmp_path / "upper"
    low.mkdir()
    (low / "x").touch()
    make(upper, "x")
    fold_folders(str(upper), (str(low),))
    assert left(upper) == {"x"}
