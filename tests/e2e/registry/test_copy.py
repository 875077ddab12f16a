"""`cais image copy` between all kinds of places: what arrives is what was there, byte for byte."""

from __future__ import annotations

import itertools
import json
import tarfile
from pathlib import Path

import pytest
from tests.e2e.harness import Cais
from tests.e2e.registry.debian import DebianRegistry
from tests.e2e.registry.images import Layout, inspect, make_image

pytestmark = pytest.mark.root


def blobs(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "blobs/sha256").iterdir()}


def test_once_around(cais: Cais, debian: DebianRegistry) -> None:
    """store -> OCI folder -> registry -> archive -> registry -> OCI folder -> store: one manifest all the way."""
    image_id = make_image(cais, "app:1")
    way = [
        "store:app:1",
        "oci:one:first",
        f"docker://{debian.host}/a/app:1",
        "archive:two.tar:app:2",
        f"docker://{debian.host}/b/app:1",
        "oci:three:app:3",
        "store:back:1",
    ]
    printed = [cais.ok("image", "copy", here, there).stdout.strip() for here, there in itertools.pairwise(way)]
    assert len(set(printed[:-1])) == 1
    assert printed[-1] == image_id
    assert blobs(cais.folder / "one") == blobs(cais.folder / "three")
    assert cais.ok("image", "validate", "back:1").stdout == ""
    loaded = cais.ok("image", "load", "-i", "two.tar").stdout
    assert "docker.io/library/app:2" in loaded
    assert inspect(cais, "app:2")["Id"] == image_id


def test_between_repositories_of_a_registry_nothing_is_sent(cais: Cais, debian: DebianRegistry) -> None:
    make_image(cais, "app:1")
    cais.ok("image", "copy", "store:app:1", f"docker://{debian.host}/a/app:1")
    copied = cais.ok("image", "copy", f"docker://{debian.host}/a/app:1", f"docker://{debian.host}/b/app:1")
    assert copied.stderr.count("Mounted from a/app") == 2
    assert "PATCH" not in debian.log.rpartition("a/app/manifests/1")[2]


def test_all_platforms_or_one(cais: Cais, debian: DebianRegistry) -> None:
    layout = Layout(cais.folder / "here")
    digest = layout.index("many", layout.image("amd64"), layout.image("arm64"))
    remote = f"docker://{debian.host}/many:1"
    assert cais.ok("image", "copy", "--all", "oci:here", remote).stdout.strip() == digest
    assert cais.ok("image", "copy", "--all", remote, "oci:there:many").stdout.strip() == digest
    assert blobs(cais.folder / "here") == blobs(cais.folder / "there")
    cais.ok("image", "copy", "--all", remote, "archive:all.tar")
    with tarfile.open(cais.folder / "all.tar") as archive:
        assert len([name for name in archive.getnames() if name.startswith("blobs/")]) == 7
    for platform in ("linux/arm64", "linux/amd64"):
        cais.ok("image", "copy", "--platform", platform, remote, "store:one:1")
        assert inspect(cais, "one:1")["Architecture"] == platform.rpartition("/")[2]
    assert cais.run("image", "copy", "--all", remote, "store:x:1").code == 16
    other = cais.run("image", "copy", "--platform", "linux/s390x", remote, "oci:none")
    assert (other.code, "linux/amd64, linux/arm64" in other.stderr) == (15, True)


def test_an_archive_of_old_knows_no_oci(cais: Cais, debian: DebianRegistry) -> None:
    """Only manifest.json, as `docker save` wrote before version 25."""
    image_id = make_image(cais, "app:1")
    cais.ok("image", "save", "app:1", "-o", "new.tar")
    with tarfile.open(cais.folder / "new.tar") as new, tarfile.open(cais.folder / "old.tar", "w") as old:
        for member in new:
            if member.name not in {"index.json", "oci-layout"}:
                old.addfile(member, new.extractfile(member))
    cais.ok("image", "copy", "docker-archive:old.tar:app:1", f"docker://{debian.host}/app:1")
    cais.ok("image", "pull", f"{debian.host}/app:1")
    assert inspect(cais, f"{debian.host}/app:1")["Id"] == image_id


def test_an_oci_folder_holds_several_under_their_names(cais: Cais) -> None:
    ids = {name: make_image(cais, name, 1000) for name in ("a:1", "b:1", "c:1")}
    for name in ids:
        cais.ok("image", "copy", f"store:{name}", "oci:many")
    cais.ok("image", "copy", "store:c:1", "oci:many:b:1")
    index = json.loads((cais.folder / "many/index.json").read_text())
    assert len(index["manifests"]) == 3
    assert cais.ok("image", "copy", "oci:many:b:1", "store:x:1").stdout.strip() == ids["c:1"]
    unnamed = cais.run("image", "copy", "oci:many", "store:y:1")
    assert (unnamed.code, "docker.io/library/a:1" in unnamed.stderr) == (16, True)
    assert cais.run("image", "copy", "oci:many:z:1", "store:y:1").code == 14


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nginx", "store:x:1"), 16, "docker://NAME"),
        (("store:", "store:x:1"), 16, "names nothing"),
        (("oci::x", "store:x:1"), 16, "names no file"),
        (("store:none:1", "oci:x"), 14, "does not exist"),
        (("oci:none", "store:x:1"), 14, 'folder "none" does not exist'),
        (("archive:none.tar", "store:x:1"), 14, "does not exist"),
        (("oci:.", "store:x:1"), 15, "index.json"),
        (("store:app:1", "archive:none/x.tar"), 14, "mkdir -p none"),
        (("store:app:1", "oci:taken"), 1, "holds something else"),
        (("store:app:1", "docker://r.example/a@sha256:" + "0" * 64), 16, "it has a digest"),
        (("docker://127.0.0.1:1/a:1", "oci:x"), 18, "refuses the connection"),
    ],
)
def test_what_cannot_be_copied_is_said(cais: Cais, words: tuple[str, str], code: int, said: str) -> None:
    if words[0] == "store:app:1":
        make_image(cais, "app:1", 1000)
    (cais.folder / "taken").mkdir()
    (cais.folder / "taken/file").touch()
    refused = cais.run("image", "copy", *words)
    assert (refused.code, said in refused.stderr) == (code, True), refused
    assert not (cais.folder / "x").exists() or not (cais.folder / "x/index.json").exists()


def test_a_damaged_folder_gives_nothing(cais: Cais) -> None:
    make_image(cais, "app:1", 2_000_000)
    cais.ok("image", "copy", "store:app:1", "oci:here")
    cais.ok("image", "rm", "app:1")  # else its layer would not be read at all
    largest = max((cais.folder / "here/blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 1
    largest.write_bytes(data)
    for target in ("store:back:1", "oci:there", "archive:there.tar"):
        assert cais.run("image", "copy", "oci:here", target).code == 15
    assert not (cais.folder / "there.tar").exists()
    assert not (cais.folder / "there/index.json").exists()
    assert cais.run("image", "inspect", "back:1").code == 14
