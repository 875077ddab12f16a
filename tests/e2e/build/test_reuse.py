"""A COPY of many files made over an earlier one gives the layer that it gives from nothing."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.build.workshop import BASE, Workshop

from cais.build import reuse
from cais.build.eviction import Choice
from cais.build.prune import prune
from cais.clock import SystemClock
from cais.engine.native.buildexec import NativeBuildExecutor
from cais.images.model import StoredImage

pytestmark = pytest.mark.root

MANY: dict[str, str | bytes] = {
    f"src/{number // 50:02d}/{number:03d}.txt": f"file {number}\n" for number in range(reuse.LEAST_FILES + 200)
}
DOCKERFILE = f"FROM {BASE}\nCOPY src /new/\n"
UNCHANGED = "new/09/499.txt"
Change = Callable[[Path], object]


@pytest.fixture
def many(shop: Workshop) -> Workshop:
    shop.write(MANY)
    (shop.context / "src/link").symlink_to("00/000.txt")
    os.link(shop.context / "src/00/001.txt", shop.context / "src/00/other-name")
    return shop


def inode(image: StoredImage, path: str = UNCHANGED) -> int:
    return (Path(image.snapshot_paths[-1]) / path).stat().st_ino


def from_nothing(shop: Workshop, dockerfile: str) -> StoredImage:
    """The same built without the cache, which takes over nothing and keeps nothing to take over."""
    copies = Path(shop.locations.build, reuse.FOLDER)
    known = sorted(copies.iterdir())
    image = shop.build(dockerfile, no_cache=True)
    assert sorted(copies.iterdir()) == known
    return image


def rewrite_unnoticed(src: Path) -> None:
    """Other content of the same length, with the times as they were."""
    path = src / "00/000.txt"
    before = path.stat()
    path.write_text("other \n"[:6] + "\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


def folder_for_file(src: Path) -> None:
    (src / "00/000.txt").unlink()
    (src / "00/000.txt").mkdir()
    (src / "00/000.txt/below").write_text("now a folder\n")


def file_for_folder(src: Path) -> None:
    shutil.rmtree(src / "03")
    (src / "03").write_text("now a file\n")


def link_for_file(src: Path) -> None:
    (src / "00/002.txt").unlink()
    (src / "00/002.txt").symlink_to("/etc/passwd")


def part_the_names(src: Path) -> None:
    (src / "00/other-name").unlink()
    (src / "00/other-name").write_text("a file of its own\n")


CHANGES: dict[str, Change] = {
    "content": lambda src: (src / "04/200.txt").write_text("otherwise\n"),
    "content of the same length and age": rewrite_unnoticed,
    "mode": lambda src: (src / "04/201.txt").chmod(0o755),
    "mode of a folder": lambda src: (src / "05").chmod(0o700),
    "a new file": lambda src: (src / "04/new").write_text("new\n"),
    "a new folder": lambda src: (src / "new/deep").mkdir(parents=True),
    "a file less": lambda src: (src / "04/202.txt").unlink(),
    "a folder less": lambda src: shutil.rmtree(src / "05"),
    "a folder in a file's place": folder_for_file,
    "a file in a folder's place": file_for_folder,
    "a link in a file's place": link_for_file,
    "a link that leads elsewhere": lambda src: (src / "link").unlink() or (src / "link").symlink_to("01"),  # type: ignore[func-returns-value]
    "two names part": part_the_names,
    "ignored": lambda src: (src.parent / ".dockerignore").write_text("src/06\nsrc/07/36*\n"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_what_changed_is_copied_over_the_layer_before(many: Workshop, change: Change) -> None:
    before = many.build(DOCKERFILE)
    change(many.context / "src")
    after = many.build(DOCKERFILE)
    assert inode(after) == inode(before)
    fresh = from_nothing(many, DOCKERFILE)
    assert (after.id, many.files(after)) == (fresh.id, many.files(fresh))
    assert after.id != before.id
    assert many.store.validate(before.id) == ()


def test_owner_and_mode_of_the_instruction_hold(many: Workshop) -> None:
    dockerfile = f"FROM {BASE}\nCOPY --chown=ana --chmod=0640 src /new/\n"
    before = many.build(dockerfile)
    many.write({"src/04/200.txt": "otherwise\n"})
    after = many.build(dockerfile)
    assert inode(after) == inode(before)
    assert many.files(after)["new/04/200.txt"] == "0640 1000:1001 otherwise\n"
    assert from_nothing(many, dockerfile).id == after.id


def test_what_the_layer_below_has_is_seen_again_when_a_file_goes(many: Workshop) -> None:
    dockerfile = f"FROM {BASE}\nRUN mkdir -p /new/04 && echo below >/new/04/200.txt\nCOPY src /new/\n"
    before = many.build(dockerfile)
    (many.context / "src/04/200.txt").unlink()
    after = many.build(dockerfile)
    assert many.read(after, "new/04/200.txt") == "below\n"
    assert inode(after) != inode(before)
    assert from_nothing(many, dockerfile).id == after.id


def test_on_another_layer_it_is_made_from_nothing(many: Workshop) -> None:
    before = many.build(f"FROM {BASE}\nRUN echo 1 >/one\nCOPY src /new/\n")
    after = many.build(f"FROM {BASE}\nRUN echo 2 >/one\nCOPY src /new/\n")
    assert inode(after) != inode(before)


def test_what_was_kept_of_a_copy_goes_with_its_layer(many: Workshop) -> None:
    image = many.build(DOCKERFILE)
    copies = Path(many.locations.build, reuse.FOLDER)
    assert len(list(copies.iterdir())) == 1
    many.store.remove(image.id, force=True)
    prune(
        Choice(),
        store=many.store,
        executor=NativeBuildExecutor(many.locations),
        locations=many.locations,
        clock=SystemClock(),
    )
    assert list(copies.iterdir()) == []
    many.write({"src/04/200.txt": "otherwise\n"})
    after = many.build(DOCKERFILE)
    assert many.store.validate(after.id) == ()


def test_rows_that_cannot_be_read_cost_a_copy(many: Workshop) -> None:
    before = many.build(DOCKERFILE)
    (rows,) = Path(many.locations.build, reuse.FOLDER).iterdir()
    rows.write_bytes(b"rubbish")
    many.write({"src/04/200.txt": "otherwise\n"})
    after = many.build(DOCKERFILE)
    assert inode(after) != inode(before)
    assert from_nothing(many, DOCKERFILE).id == after.id
