"""Archives go to a real Docker engine and back without a change."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.docker import DockerTool

from cais.database import Database
from cais.images.model import ImageConfig, RunConfig, StoredImage
from cais.images.store import ImageStore
from cais.locations import Locations

pytestmark = [pytest.mark.root, pytest.mark.docker]

EPOCH_S = 1_700_000_000
CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")


@pytest.fixture(scope="module", autouse=True)
def _images_removed(docker: DockerTool) -> Iterator[None]:
    yield
    docker.ask("image", "rm", "-f", "cais-images/made:1", "cais-images/built:1")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ImageStore]:
    place = Locations(root=str(tmp_path / "cais"), run=str(tmp_path / "run"))
    database = Database(place.database)
    opened = ImageStore(place, database)
    yield opened
    opened.close()
    database.close()


def make(store: ImageStore) -> StoredImage:
    with store.snapshots.prepare("") as layer:
        root = Path(layer.merged)
        for name in ("etc/sub/x", "etc/a", "gone/1", "cap", "é ünï", "n" * 200):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(name)
        os.link(root / "etc/a", root / "hard")
        (root / "soft").symlink_to("etc/a")
        os.mkfifo(root / "pipe")
        os.chown(root / "cap", 1000, 3_000_000)
        (root / "cap").chmod(0o4711)
        os.setxattr(root / "cap", "security.capability", CAPABILITY)
        base = layer.commit(epoch_s=EPOCH_S)
    with store.snapshots.prepare(base) as layer:
        root = Path(layer.merged)
        (root / "hard").unlink()
        shutil.rmtree(root / "gone")
        (root / "gone").mkdir()
        (root / "gone/2").write_text("2")
        (root / "new/deep").mkdir(parents=True)
        (root / "etc").chmod(0o700)
        top = layer.commit(epoch_s=EPOCH_S)
    run = RunConfig(cmd=("/x",), env=("A=b",), labels={"l": "1"}, exposed_ports={"80/tcp": {}})
    config = ImageConfig(architecture="amd64", os="linux", created="2024-01-01T00:00:00Z", config=run)
    return store.create(config, top, references=["cais-images/made:1"])


def tree(root: str) -> dict[str, object]:
    found: dict[str, object] = {}
    for folder, folders, files in os.walk(root):
        for path in (Path(folder) / name for name in folders + files):
            status = path.lstat()
            content = os.readlink(path) if path.is_symlink() else ""
            if path.is_file() and not path.is_symlink():
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path.relative_to(root))] = (oct(status.st_mode), status.st_uid, status.st_gid, content)
    return found


def test_docker_loads_what_we_save_and_gives_it_back(docker: DockerTool, store: ImageStore, tmp_path: Path) -> None:
    image = make(store)
    store.save(["cais-images/made:1"], str(tmp_path / "ours.tar"))
    docker.ask("load", "-i", str(tmp_path / "ours.tar"))
    (told,) = json.loads(docker.ask("image", "inspect", "cais-images/made:1"))
    assert told["RootFS"]["Layers"] == list(image.config.rootfs.diff_ids)
    assert told["Config"]["Env"] == ["A=b"]
    docker.ask("save", "-o", str(tmp_path / "theirs.tar"), "cais-images/made:1")
    store.remove(image.id)
    (back,) = store.load(str(tmp_path / "theirs.tar"))
    assert (back.id, back.references) == (image.id, image.references)
    assert store.validate(back.id) == ()


def test_docker_sees_the_same_files(docker: DockerTool, store: ImageStore, tmp_path: Path) -> None:
    image = make(store)
    store.save(["cais-images/made:1"], str(tmp_path / "ours.tar"))
    docker.ask("load", "-i", str(tmp_path / "ours.tar"))
    container = docker.ask("create", "--network", "none", "cais-images/made:1").strip()
    try:
        docker.ask("export", "-o", str(tmp_path / "theirs.tar"), container)
    finally:
        docker.ask("rm", container)
    (tmp_path / "theirs").mkdir()
    subprocess.run(["tar", "-xpf", tmp_path / "theirs.tar", "-C", tmp_path / "theirs", "--numeric-owner"], check=True)
    theirs = tree(str(tmp_path / "theirs"))
    with store.snapshots.prepare(image.chain_ids[-1]) as layer:
        ours = tree(layer.merged)
    # Docker makes the mount points of every container in its root file system.
    added = {name for name in theirs if name.split("/")[0] in ("dev", "proc", "sys", ".dockerenv")}
    added |= {"etc/hosts", "etc/hostname", "etc/resolv.conf", "etc/mtab"}
    assert {name: entry for name, entry in theirs.items() if name not in added} == ours


def test_what_docker_built_keeps_its_identity(docker: DockerTool, store: ImageStore, tmp_path: Path) -> None:
    make(store)
    store.save(["cais-images/made:1"], str(tmp_path / "ours.tar"))
    docker.ask("load", "-i", str(tmp_path / "ours.tar"))
    (tmp_path / "context").mkdir()
    (tmp_path / "context/f").write_text("hello")
    (tmp_path / "context/Dockerfile").write_text("FROM cais-images/made:1\nCOPY f /etc/sub/\nENV X=y\nCOPY f /new/g\n")
    docker.ask("build", "-q", "-t", "cais-images/built:1", str(tmp_path / "context"))
    (told,) = json.loads(docker.ask("image", "inspect", "cais-images/built:1"))
    docker.ask("save", "-o", str(tmp_path / "built.tar"), "cais-images/built:1")
    (image,) = store.load(str(tmp_path / "built.tar"))
    assert list(image.config.rootfs.diff_ids) == told["RootFS"]["Layers"]
    assert "X=y" in image.config.config.env
    assert store.validate(image.id) == ()
    store.save(["cais-images/built:1"], str(tmp_path / "again.tar"))
    docker.ask("rmi", "-f", "cais-images/built:1")
    docker.ask("load", "-i", str(tmp_path / "again.tar"))
    (again,) = json.loads(docker.ask("image", "inspect", "cais-images/built:1"))
    assert again["Id"] == told["Id"]
