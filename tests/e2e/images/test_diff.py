"""What differs between two images, against what was made to differ."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.harness import Cais

from cais.images.diff import Aspect, diff_images
from cais.images.model import ImageConfig, RunConfig, StoredImage
from cais.images.store import ImageStore

pytestmark = pytest.mark.root
Change = Callable[[Path], object]


def base(root: Path) -> None:
    (root / "folder/inner").mkdir(parents=True)
    (root / "folder/inner/file").write_text("text")
    (root / "file").write_text("0123456789")
    (root / "link").symlink_to("file")
    for path in (root / "file", root / "folder/inner/file", root / "folder/inner", root / "folder"):
        os.utime(path, (1000, 1000))


def make(store: ImageStore, *changes: Change, **config: object) -> StoredImage:
    top = ""
    for change in changes:
        with store.snapshots.prepare(top) as layer:
            change(Path(layer.merged))
            top = layer.commit(epoch_s=None)
    run = RunConfig(**config)  # type: ignore[arg-type]
    return store.create(ImageConfig(architecture="amd64", os="linux", config=run), top)


@pytest.mark.parametrize(
    ("change", "path", "aspects"),
    [
        (lambda r: (r / "file").write_text("01234x6789"), "/file", [("content", "10 bytes", "other from byte 5 on")]),
        (lambda r: (r / "file").write_text("short"), "/file", [("content", "10 bytes", "5 bytes")]),
        (lambda r: (r / "file").chmod(0o755), "/file", [("mode", "0644", "0755")]),
        (lambda r: os.chown(r / "file", 7, 8), "/file", [("owner", "0:0", "7:8")]),
        (lambda r: os.utime(r / "file", (5, 5)), "/file", [("time", "1000", "5")]),
        (lambda r: ((r / "link").unlink(), (r / "link").symlink_to("else")), "/link", [("link", "file", "else")]),
        (lambda r: ((r / "file").unlink(), (r / "file").mkdir()), "/file", [("type", "file", "folder")]),
        (lambda r: os.setxattr(r / "file", "user.a", b"\1"), "/file", [("attribute user.a", "", "01")]),
    ],
)
def test_each_aspect(store: ImageStore, change: Change, path: str, aspects: list[tuple[str, str, str]]) -> None:
    found = diff_images(make(store, base), make(store, base, change))
    changed = {file.path: file for file in found.files}
    told = [aspect for aspect in changed[path].aspects if aspect.what not in {"time", "mode"} or len(aspects) == 1]
    assert {Aspect(*aspect) for aspect in aspects} <= set(told)
    assert found.config == ()


def test_what_came_and_went(store: ImageStore) -> None:
    def change(root: Path) -> None:
        (root / "folder/inner/file").unlink()
        (root / "folder/inner").rmdir()
        (root / "new").mkdir()
        (root / "new/a").touch()

    found = diff_images(make(store, base), make(store, base, change), times=False)
    assert [(file.how, file.path) for file in found.files] == [
        ("removed", "/folder/inner"),
        ("removed", "/folder/inner/file"),
        ("added", "/new"),
        ("added", "/new/a"),
    ]


def test_how_the_layers_are_cut_does_not_count(store: ImageStore) -> None:
    """Removed and made again, over two layers or one: what is seen is the same."""

    def empty(root: Path) -> None:
        (root / "folder/inner/file").unlink()
        (root / "folder/inner").rmdir()
        (root / "folder").rmdir()

    def again(root: Path) -> None:
        (root / "folder").mkdir()
        (root / "folder/only").write_text("x")

    def at_once(root: Path) -> None:
        empty(root)
        again(root)

    assert diff_images(make(store, base, empty, again), make(store, base, at_once), times=False).is_none
    tree = diff_images(make(store), make(store, base, at_once), times=False)
    assert [file.path for file in tree.files if "folder" in file.path] == ["/folder", "/folder/only"]


def test_configs(store: ImageStore) -> None:
    found = diff_images(make(store, base, env=("A=1",), user="me"), make(store, base, env=("A=2", "B=1")), times=False)
    assert [(each.what, each.before, each.after) for each in found.config] == [
        ("config.Env[0]", '"A=1"', '"A=2"'),
        ("config.Env[1]", "", '"B=1"'),
        ("config.User", '"me"', ""),
    ]


def test_as_a_command(project: Cais, tmp_path: Path) -> None:
    cais = Cais(tmp_path / "root", project.folder)
    for name, text in (("one", "a"), ("two", "b")):
        (cais.folder / name).mkdir()
        (cais.folder / name / "file\x1b[31m").write_text(text)
        cais.ok("image", "import", name, f"{name}:1", "-c", f"LABEL which={name}")
    words = ("image", "diff", "one:1", "two:1", "--ignore-times")
    shown = cais.ok(*words).stdout.splitlines()
    assert 'config config.Labels.which: "one" -> "two"' in shown
    assert shown[-1] == r"C /file\x1b[31m  content (1 bytes -> other from byte 0 on)"
    assert json.loads(cais.ok(*words, "--format", "json").stdout)["files"][0]["aspects"][0]["what"] == "content"
    assert cais.run(*words, "--exit-code").code == 1
    assert cais.run("image", "diff", "one:1", "one:1", "--exit-code").code == 0
