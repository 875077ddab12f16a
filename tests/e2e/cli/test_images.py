"""`cais image` as a user has it: names, use, room on disk, archives of strangers."""

import io
import json
import os
import random
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cais.linux import mount
from tests.e2e.harness import Cais

pytestmark = pytest.mark.root

MEGABYTE = 1 << 20


@pytest.fixture
def own(project: Cais, tmp_path: Path) -> Iterator[Cais]:
    """A root of the test's own, so that what is removed is nobody else's."""
    cais = Cais(tmp_path / "root", project.folder)
    yield cais
    if (project.folder / "compose.yaml").exists():
        cais.run("down", "-v", "-t", "0")


def rootfs(cais: Cais, name: str, size_bytes: int = 0) -> str:
    folder = cais.folder / name
    (folder / "bin").mkdir(parents=True)
    busybox = Path("/bin/busybox").read_bytes()
    for applet in ("busybox", "sh", "sleep"):
        (folder / "bin" / applet).write_bytes(busybox)
        (folder / "bin" / applet).chmod(0o755)
    (folder / "content").write_bytes(random.Random(name).randbytes(size_bytes))
    return str(folder)


def names(cais: Cais) -> list[str]:
    lines = cais.ok("image", "ls", "--format", "json").stdout.splitlines()
    return sorted(f"{entry['Repository']}:{entry['Tag']}" for entry in map(json.loads, lines))


def used_bytes(root: Path) -> int:
    found = (path.lstat() for path in root.rglob("*") if not path.is_symlink())
    return sum(status.st_blocks * 512 for status in found)


def write(cais: Cais, image: str) -> None:
    (cais.folder / "compose.yaml").write_text(
        f"services:\n  a:\n    image: {image}\n    command: [sleep, infinity]\n    init: true\n"
    )


def test_names_come_and_go_and_the_image_with_the_last(own: Cais) -> None:
    own.ok("image", "import", rootfs(own, "r"), "one:1")
    own.ok("image", "tag", "one:1", "two:2")
    assert own.ok("image", "rm", "-f", "two:2").stdout == "Untagged: two:2\n"
    assert names(own) == ["one:1"]
    assert "Deleted: sha256:" in own.ok("image", "rm", "one:1").stdout
    assert (names(own), own.run("image", "rm", "one:1").code) == ([], 14)


def test_an_image_in_use_stays(own: Cais) -> None:
    own.ok("image", "import", rootfs(own, "r"), "one:1")
    write(own, "one:1")
    own.ok("up", "-d")
    for words in (("rm", "one:1"), ("rm", "-f", "one:1")):
        refused = own.run("image", *words)
        assert refused.code == 1
        assert "is used by container" in refused.stderr
    own.ok("image", "prune", "-a")
    assert names(own) == ["one:1"]
    assert own.ok("exec", "-T", "a", "sh", "-c", "echo still").stdout == "still\n"


def test_down_takes_the_name_it_used_and_frees_the_disk_with_the_last(own: Cais) -> None:
    before = used_bytes(own.root) if own.root.exists() else 0
    own.ok("image", "import", rootfs(own, "r", 8 * MEGABYTE), "one:1")
    own.ok("image", "tag", "one:1", "two:2")
    write(own, "two:2")
    own.ok("up", "-d")
    own.ok("down", "--rmi", "all", "-t", "0")
    assert names(own) == ["one:1"]
    assert used_bytes(own.root) > before + 8 * MEGABYTE
    write(own, "one:1")
    own.ok("up", "-d", "--scale", "a=2")
    own.ok("down", "--rmi", "all", "-t", "0")
    assert names(own) == []
    assert used_bytes(own.root) < before + 2 * MEGABYTE


def test_prune_frees_the_disk(own: Cais) -> None:
    own.ok("image", "import", rootfs(own, "r", 8 * MEGABYTE), "one:1")
    own.ok("image", "prune")
    assert names(own) == ["one:1"]
    full = used_bytes(own.root)
    own.ok("image", "prune", "-a")
    assert used_bytes(own.root) < full - 8 * MEGABYTE


@pytest.mark.parametrize("verb", ["import", "load", "save"])
def test_a_killed_transfer_leaves_nothing(verb: str, own: Cais) -> None:
    source = rootfs(own, "r", 48 * MEGABYTE)
    own.ok("image", "import", source, "one:1")
    own.ok("image", "save", "one:1", "-o", "one.tar")
    words = {"import": (source, "two:2"), "load": ("-i", "one.tar"), "save": ("one:1", "-o", "two.tar")}
    if verb == "load":
        own.ok("image", "rm", "one:1")
    before, files = names(own), sorted(path.name for path in own.folder.iterdir())
    for delay_s in (0.1, 0.15, 0.2, 0.25):
        process = own.start("image", verb, *words[verb])
        time.sleep(delay_s)
        process.kill()
        process.wait()
    if names(own) == before:  # else one was quicker
        assert sorted(path.name for path in own.folder.iterdir() if path.name != "two.tar") == files
    own.ok("image", "prune", "-a")
    assert used_bytes(own.root) < 2 * MEGABYTE


def archive(path: Path, **members: bytes) -> None:
    with tarfile.open(path, "w") as stream:
        for name, data in members.items():
            member = tarfile.TarInfo(name.replace("_json", ".json"))
            member.size = len(data)
            stream.addfile(member, io.BytesIO(data))


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, "neither manifest.json nor index.json"),
        ({"manifest_json": b"[]"}, "holds no image"),
        ({"manifest_json": b"[{]"}, "the manifest.json of the archive is not JSON"),
        ({"manifest_json": b"[" * 100_000}, "the manifest.json of the archive is malformed"),
        ({"manifest_json": b'[{"Config":"../../etc/passwd","Layers":[]}]'}, "does not contain it"),
        ({"manifest_json": b'[{"Config":"c","Layers":[]}]', "c": b'{"rootfs": 5'}, "the image config is malformed"),
        ({"index_json": b'{"manifests": 7}'}, "the index.json of the archive is malformed"),
    ],
)
def test_a_malformed_archive_is_refused_in_words(members: dict[str, bytes], words: str, own: Cais) -> None:
    archive(own.folder / "bad.tar", **members)
    refused = own.run("image", "load", "-i", "bad.tar")
    assert refused.code == 15
    assert words in refused.stderr
    assert names(own) == []


def test_a_full_disk_is_told_and_leaves_what_was_there(project: Cais, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount.tmpfs(str(small), "size=24m")
    try:
        cais = Cais(small / "root", project.folder)
        cais.ok("image", "import", rootfs(cais, "r", MEGABYTE), "one:1")
        big = rootfs(cais, "big", 32 * MEGABYTE)
        before = used_bytes(small)
        for words in (("image", "import", big, "two:2"), ("image", "save", "one:1", "-o", str(small / "x.tar"))):
            with_filler = small / "filler"
            if words[1] == "save":
                with_filler.write_bytes(bytes(int(os.statvfs(small).f_bavail * 4096 - 2 * MEGABYTE)))
            failed = cais.run(*words)
            with_filler.unlink(missing_ok=True)
            assert failed.code == 1
            assert failed.stderr.count("error:") == 1
            assert "no space left" in failed.stderr
            assert names(cais) == ["one:1"]
            assert used_bytes(small) < before + MEGABYTE
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_prune_by_label_and_by_size(own: Cais) -> None:
    for name, label in (("a", "keep=no"), ("b", "keep=yes"), ("c", "keep=no")):
        own.ok("image", "import", rootfs(own, name, 4 * MEGABYTE), f"{name}:1", "-c", f"LABEL {label}")
    own.ok("image", "prune", "-a", "--filter", "until=1h")
    assert names(own) == ["a:1", "b:1", "c:1"]
    dry = own.ok("--dry-run", "image", "prune", "--max-size", "24m").stdout
    assert (dry.count("Deleted"), names(own)) == (1, ["a:1", "b:1", "c:1"])
    own.ok("image", "prune", "--max-size", "24m")
    assert names(own) == ["b:1", "c:1"]  # the one that has been there for longest went
    own.ok("image", "prune", "-a", "--filter", "label=keep=no")
    assert names(own) == ["b:1"]
    for words in (("--filter", "x"), ("--max-size", "x"), ("-a", "--max-size", "1g")):
        assert own.run("image", "prune", *words).code == 16


def test_validate_finds_what_is_damaged(own: Cais) -> None:
    own.ok("image", "import", rootfs(own, "r"), "one:1")
    assert own.ok("image", "validate").stdout == ""
    [snapshot] = json.loads(own.ok("image", "inspect", "one:1").stdout)[0]["Snapshots"]
    (Path(snapshot) / "bin/sh").write_bytes(b"changed")
    damaged = own.run("image", "validate", "one:1")
    assert damaged.code == 1
    assert "one:1: layer" in damaged.stdout
