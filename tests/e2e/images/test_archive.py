from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cais.database import Database
from cais.errors import InvalidImage, NotFoundError
from cais.images.model import ImageConfig, RunConfig, StoredImage
from cais.images.store import ImageStore
from cais.locations import Locations

pytestmark = pytest.mark.root


@pytest.fixture
def other(tmp_path: Path) -> ImageStore:
    place = Locations(root=str(tmp_path / "other"), run=str(tmp_path / "run2"))
    return ImageStore(place, Database(place.database))


def make_image(store: ImageStore, *references: str) -> StoredImage:
    with store.snapshots.prepare("") as layer:
        root = Path(layer.merged)
        (root / "etc").mkdir()
        (root / "etc/a").write_text("a" * 5000)
        (root / "sh").write_text("#!")
        (root / "sh").chmod(0o4755)
        os.setxattr(root / "sh", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
        base = layer.commit()
    with store.snapshots.prepare(base) as layer:
        (Path(layer.merged) / "etc/a").unlink()
        (Path(layer.merged) / "etc/b").write_text("b")
        top = layer.commit(epoch_s=5)
    config = ImageConfig(architecture="amd64", os="linux", config=RunConfig(cmd=("sh",), labels={"a": "b"}))
    return store.create(config, top, references=references)


def add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def layer_bytes(**files: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, text in files.items():
            add(archive, name, text.encode())
    return buffer.getvalue()


def sha(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def test_save_and_load_give_the_same_image(store: ImageStore, other: ImageStore, tmp_path: Path) -> None:
    image = make_image(store, "shop/web:1", "localhost:5000/web")
    path = str(tmp_path / "web.tar")
    store.save(["shop/web:1", "localhost:5000/web", image.id], path)
    seen: list[int] = []
    (loaded,) = other.load(path, on_bytes=seen.append)
    assert seen
    assert (loaded.id, loaded.references, loaded.size_bytes) == (image.id, image.references, image.size_bytes)
    assert other.validate(loaded.id) == ()
    assert store.validate(image.id) == ()
    assert os.getxattr(f"{loaded.snapshot_paths[0]}/sh", "security.capability")
    assert os.stat(f"{loaded.snapshot_paths[0]}/sh").st_mode & 0o7777 == 0o4755
    again = str(tmp_path / "again.tar")
    other.save(["shop/web:1", "localhost:5000/web"], again)
    assert Path(again).read_bytes() == Path(path).read_bytes()
    kept = {f"sha256:{name}" for name in os.listdir(tmp_path / "other/store/blobs/sha256")}
    assert kept.isdisjoint(image.config.rootfs.diff_ids)


def test_a_saved_archive_is_what_docker_and_oci_tools_read(store: ImageStore, tmp_path: Path) -> None:
    image = make_image(store, "nginx:1")
    path = tmp_path / "web.tar"
    store.save(["nginx:1"], str(path))
    subprocess.run(["tar", "-xf", path, "-C", tmp_path], check=True)
    (docker,) = json.loads((tmp_path / "manifest.json").read_text())
    assert docker["RepoTags"] == ["nginx:1"]
    assert sha((tmp_path / docker["Config"]).read_bytes()) == image.id
    assert [sha((tmp_path / name).read_bytes()) for name in docker["Layers"]] == list(image.config.rootfs.diff_ids)
    index = json.loads((tmp_path / "index.json").read_text())
    assert json.loads((tmp_path / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    (entry,) = index["manifests"]
    assert entry["annotations"]["org.opencontainers.image.ref.name"] == "1"
    manifest = (tmp_path / "blobs/sha256" / entry["digest"][7:]).read_bytes()
    assert (sha(manifest), len(manifest)) == (entry["digest"], entry["size"])
    read = json.loads(manifest)
    assert (read["schemaVersion"], read["mediaType"]) == (2, "application/vnd.oci.image.manifest.v1+json")
    for descriptor in read["layers"]:
        assert (tmp_path / "blobs/sha256" / descriptor["digest"][7:]).stat().st_size == descriptor["size"]


def docker_archive(
    path: Path, layers: list[bytes], *, tags: list[str] | None, tamper: Callable[[dict[str, Any]], None] | None = None
) -> str:
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": None, "Env": ["A=b"], "Volumes": None, "Unknown": 1},
        "rootfs": {"type": "layers", "diff_ids": [sha(layer) for layer in layers]},
        "history": [{"created_by": "x", "comment": None}],
    }
    if tamper:
        tamper(config)
    data = json.dumps(config).encode()
    with tarfile.open(path, "w") as archive:
        names = []
        for number, layer in enumerate(layers):
            names.append(f"{number}/layer.tar")
            if layer in layers[:number]:
                link = tarfile.TarInfo(names[-1])
                link.type, link.linkname = tarfile.SYMTYPE, f"../{layers.index(layer)}/layer.tar"
                archive.addfile(link)
            else:
                add(archive, names[-1], layer)
        add(archive, "c.json", data)
        add(archive, "manifest.json", json.dumps([{"Config": "c.json", "RepoTags": tags, "Layers": names}]).encode())
    return sha(data)


def test_old_docker_archives_load_and_keep_their_identity(store: ImageStore, tmp_path: Path) -> None:
    path = tmp_path / "old.tar"
    first, second = layer_bytes(a="1", b="2"), layer_bytes(**{".wh.a": "", "c": "3"})
    image_id = docker_archive(path, [first, second, first], tags=["old:1"])
    (image,) = store.load(str(path))
    assert image.id == image_id
    assert image.config.config.env == ("A=b",)
    assert store.validate(image.id) == ()
    with store.snapshots.prepare(image.chain_ids[-1]) as layer:
        assert sorted(os.listdir(layer.merged)) == ["a", "b", "c"]
    store.save(["old:1"], str(tmp_path / "new.tar"))
    store.remove(image.id)
    (again,) = store.load(str(tmp_path / "new.tar"))
    assert again.id == image_id


@pytest.mark.parametrize("program", ["gzip", "zstd", "xz", "bzip2"])
def test_compressed_archives_load(store: ImageStore, tmp_path: Path, program: str) -> None:
    path = tmp_path / "image.tar"
    image_id = docker_archive(path, [layer_bytes(a="1")], tags=None)
    with open(tmp_path / "packed", "wb") as sink:
        subprocess.run([program, "-c", path], stdout=sink, check=True)
    (image,) = store.load(str(tmp_path / "packed"))
    assert (image.id, image.references) == (image_id, ())


def test_compressed_layers_are_kept_as_they_are(store: ImageStore, tmp_path: Path) -> None:
    layer = layer_bytes(a="1" * 100_000)
    packed = gzip.compress(layer, mtime=0)
    path = tmp_path / "image.tar"
    docker_archive(path, [packed], tags=["z"], tamper=lambda config: config["rootfs"].update(diff_ids=[sha(layer)]))
    (image,) = store.load(str(path))
    assert store.validate(image.id) == ()
    assert (tmp_path / "cais/store/blobs/sha256" / sha(packed)[7:]).read_bytes() == packed
    assert image.size_bytes == len(layer)


def test_wrong_archives_are_refused_and_leave_nothing(store: ImageStore, locations: Locations, tmp_path: Path) -> None:
    path = tmp_path / "bad.tar"
    docker_archive(path, [layer_bytes(a="1")], tags=[], tamper=lambda c: c["rootfs"].update(diff_ids=[sha(b"")]))
    with pytest.raises(InvalidImage, match="diff ID"):
        store.load(str(path))
    docker_archive(path, [layer_bytes(a="1")], tags=[], tamper=lambda c: c["rootfs"].update(diff_ids=[]))
    with pytest.raises(InvalidImage, match="1 layers"):
        store.load(str(path))
    docker_archive(path, [layer_bytes(**{"../a": "1"})], tags=[])
    with pytest.raises(InvalidImage, match="leads out"):
        store.load(str(path))
    path.write_bytes(layer_bytes(a="1"))
    with pytest.raises(InvalidImage, match="not an image archive"):
        store.load(str(path))
    path.write_bytes(layer_bytes(**{"manifest.json": '[{"Config": "c", "Layers": []}]'}))
    with pytest.raises(InvalidImage, match="does not contain"):
        store.load(str(path))
    with pytest.raises(NotFoundError):
        store.load(str(tmp_path / "none"))
    assert store.images() == ()
    assert os.listdir(locations.snapshots) == [".working"]
    assert os.listdir(os.path.join(locations.snapshots, ".working")) == []


def test_validate_sees_damage(store: ImageStore, locations: Locations) -> None:
    image = make_image(store, "web")
    file = Path(image.snapshot_paths[0]) / "etc/a"
    file.write_text(file.read_text().replace("a", "b"))
    (fault,) = store.validate(image.id)
    assert "has content with diff ID" in fault
    (Path(locations.store) / "blobs/sha256" / image.id[7:]).write_text("{}")
    assert any("damaged" in fault for fault in store.validate(image.id))


def test_save_to_a_missing_folder_or_of_a_missing_image(store: ImageStore, tmp_path: Path) -> None:
    make_image(store, "web")
    with pytest.raises(NotFoundError, match="folder"):
        store.save(["web"], str(tmp_path / "no/file"))
    with pytest.raises(NotFoundError, match="nothing"):
        store.save(["nothing"], str(tmp_path / "file"))
    assert not (tmp_path / "file").exists()
