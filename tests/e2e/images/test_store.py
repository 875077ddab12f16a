from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from cais.errors import Conflict, NotFoundError, UsageError
from cais.images.layer import digest_layer
from cais.images.model import ImageConfig
from cais.images.store import ImageStore
from cais.linux import mount
from cais.locations import Locations

pytestmark = pytest.mark.root

CONFIG = ImageConfig(architecture="amd64", os="linux")


def make_base(store: ImageStore, *names: str) -> str:
    with store.snapshots.prepare("") as layer:
        assert layer.merged == layer.upper
        for name in names:
            path = Path(layer.merged) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        return layer.commit(epoch_s=1000)


def test_layers_stack_and_removals_are_whiteouts(store: ImageStore) -> None:
    base = make_base(store, "etc/a", "etc/b", "old/x")
    with store.snapshots.prepare(base) as layer:
        merged = Path(layer.merged)
        assert (merged / "etc/a").read_text() == "etc/a"
        (merged / "etc/a").unlink()
        (merged / "old/x").unlink()
        (merged / "old").rmdir()
        (merged / "old").mkdir()
        (merged / "old/new").write_text("n")
        top = layer.commit(epoch_s=1000)
    assert not mount.is_mounted(str(merged))
    folder = store.snapshots.path(top)
    assert stat.S_ISCHR(os.lstat(f"{folder}/etc/a").st_mode)
    assert store.snapshots.chain(top) == (base, top)
    with store.snapshots.prepare(top) as layer:
        merged = Path(layer.merged)
        assert sorted(os.listdir(merged / "etc")) == ["b"]
        assert os.listdir(merged / "old") == ["new"]


def test_what_is_not_committed_leaves_nothing(store: ImageStore, locations: Locations) -> None:
    base = make_base(store, "a")
    with store.snapshots.prepare(base) as layer:
        (Path(layer.merged) / "b").write_text("x")
    assert mount.mounts_below(locations.root) == ()
    assert os.listdir(os.path.join(locations.snapshots, ".working")) == []
    assert len(os.listdir(locations.snapshots)) == 2


def test_create_find_tag_untag(store: ImageStore) -> None:
    image = store.create(CONFIG, make_base(store, "a"), references=["web"])
    assert image.references == ("docker.io/library/web:latest",)
    assert image.config.rootfs.diff_ids == (digest_layer(image.snapshot_paths[0], epoch_s=1000)[0],)
    for text in ("web", "web:latest", "docker.io/library/web", image.id, image.id[7:], image.id[7:19]):
        assert store.find(text) == image
    store.tag(image.id, "localhost:5000/web:2")
    assert store.untag("web") == image.id
    assert store.untag("web") is None
    assert store.find("web") is None
    found = store.find("localhost:5000/web:2")
    assert found is not None
    assert found.id == image.id
    with pytest.raises(UsageError):
        store.find("Not A Reference")


def test_the_same_content_gives_the_same_image_and_one_snapshot(store: ImageStore) -> None:
    first, second = make_base(store, "x/y", "z"), make_base(store, "x/y", "z")
    assert first != second
    with store.snapshots.prepare(second) as layer:
        (Path(layer.merged) / "more").write_text("m")
        top = layer.commit(epoch_s=1000)
    store.put_cached("key", second, {"a": "b"})
    one = store.create(CONFIG, first, references=["one"])
    two = store.create(CONFIG, second, references=["two"])
    assert one.id == two.id
    assert two.references == ("docker.io/library/one:latest", "docker.io/library/two:latest")
    assert store.get_cached("key") == {"a": "b", "snapshot": first}
    assert store.snapshots.chain(top) == (first, top)
    store.put_cached("top", top, {})
    store.prune()
    with pytest.raises(NotFoundError):
        store.snapshots.path(second)


def test_threads_creating_the_same_image_agree(open_store: Callable[[], ImageStore]) -> None:
    ids: set[str] = set()
    failures: list[Exception] = []

    def work(store: ImageStore) -> None:
        try:
            for _ in range(3):
                ids.add(store.create(CONFIG, make_base(store, "a", "b/c"), references=["same"]).id)
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=work, args=(open_store(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(ids) == 1


def test_remove_takes_what_nothing_else_needs(store: ImageStore, locations: Locations) -> None:
    base = make_base(store, "a")
    with store.snapshots.prepare(base) as layer:
        (Path(layer.merged) / "b").write_text("b")
        top = layer.commit()
    below = store.create(CONFIG, base, references=["below"])
    above = store.create(CONFIG, top, references=["above", "above:2"])
    assert store.remove(above.id) == ("Untagged: above:2", "Untagged: above:latest", f"Deleted: {above.id}")
    assert store.find("above") is None
    assert store.find("below") == below
    assert sorted(os.listdir(locations.snapshots)) == [".working", base]
    store.remove(below.id)
    assert os.listdir(locations.snapshots) == [".working"]
    assert os.listdir(os.path.join(locations.store, "blobs", "sha256")) == []
    with pytest.raises(NotFoundError):
        store.remove(below.id)


def test_remove_refuses_what_is_in_use_or_has_many_names(store: ImageStore) -> None:
    image = store.create(CONFIG, make_base(store, "a"), references=["one", "two"])
    with pytest.raises(Conflict, match="several repositories"):
        store.remove(image.id)
    store._users_of = lambda _id: ["shop-web-1"]
    with pytest.raises(Conflict, match="shop-web-1"):
        store.remove(image.id, force=True)
    assert store.prune(unused=True).removed == ()
    store._users_of = lambda _id: []
    assert len(store.remove(image.id, force=True)) == 3


def test_prune_keeps_what_is_tagged_or_cached_or_being_built(open_store: Callable[[], ImageStore]) -> None:
    store, other = open_store(), open_store()
    tagged = store.create(CONFIG, make_base(store, "a"), references=["tagged"])
    dangling = store.create(CONFIG, make_base(store, "b"))
    cached = make_base(store, "c")
    store.put_cached("c", cached, {})
    fresh = make_base(other, "fresh")
    store.close()
    assert store.prune().held_by_build
    assert store.find(dangling.id) is None
    assert other.snapshots.path(fresh)
    other.close()
    outcome = store.prune()
    assert not outcome.held_by_build
    assert outcome.removed == ()
    with pytest.raises(NotFoundError):
        store.snapshots.path(fresh)
    assert store.get_cached("c") == {"snapshot": cached}
    assert store.prune(cache=True).removed == ("Deleted build cache: 1 entries",)
    assert store.get_cached("c") is None
    assert store.prune(unused=True).removed == ("Untagged: tagged:latest", f"Deleted: {tagged.id}")


def test_import_of_a_folder_and_of_its_tar_agree(store: ImageStore, tmp_path: Path) -> None:
    source = tmp_path / "root"
    (source / "etc").mkdir(parents=True)
    (source / "etc/name").write_text("x")
    (source / "bin").symlink_to("usr/bin")
    os.link(source / "etc/name", source / "etc/other")
    os.system(f"tar -C {source} --numeric-owner --sort=name -czf {tmp_path}/root.tgz etc bin")
    seen: list[int] = []
    one = store.import_root(str(source), CONFIG, references=["one"], on_bytes=seen.append)
    two = store.import_root(str(tmp_path / "root.tgz"), CONFIG, references=["two"])
    assert one.config.rootfs == two.config.rootfs
    assert len(one.config.history) == 1
    assert seen[-1] > 0
    with pytest.raises(NotFoundError):
        store.import_root(str(tmp_path / "none"), CONFIG, references=[])
