from __future__ import annotations

import os
from pathlib import Path

import pytest
from contract_objects import ObjectsContract

from fotogal.objects.filesystem import FilesystemStore
from fotogal.objects.interface import ObjectStore, StoreUnavailable


class TestFilesystem(ObjectsContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> ObjectStore:
        made = FilesystemStore(tmp_path / "bucket")
        assert made.provision() == [f"created folder {tmp_path / 'bucket'}"]
        return made

    def test_emptied_folders_are_removed(self, store: ObjectStore, tmp_path: Path) -> None:
        store.put("1/2/full.png", b"x", "image/png")
        store.delete("1/2/full.png")
        assert list((tmp_path / "bucket").iterdir()) == []

    def test_what_a_killed_put_left_is_no_object_and_is_removed_when_old(
        self, store: ObjectStore, tmp_path: Path
    ) -> None:
        old, new = tmp_path / "bucket" / ".old", tmp_path / "bucket" / ".new"
        for path in (old, new):
            path.write_bytes(b"half")
        os.utime(old, (0, 0))
        assert list(store.listing()) == []
        assert store.provision() == [f"removed {old}, left by a put that was killed"]
        assert new.exists()

    def test_a_put_that_fails_leaves_nothing(self, store: ObjectStore, tmp_path: Path) -> None:
        store.put("1/full.png", b"x", "image/png")
        with pytest.raises(StoreUnavailable):
            store.put("1/full.png/below", b"x", "image/png")  # a file is where a folder would have to be
        assert [path.name for path in (tmp_path / "bucket").iterdir()] == ["1"]

    def test_a_folder_that_is_gone_is_no_empty_store(self, store: ObjectStore, tmp_path: Path) -> None:
        (tmp_path / "bucket").rename(tmp_path / "elsewhere")
        for call in (
            store.ready,
            lambda: store.get("1/full.png"),
            lambda: store.delete("1/full.png"),
            lambda: store.put("1/full.png", b"x", "image/png"),
            lambda: list(store.listing()),
        ):
            with pytest.raises(StoreUnavailable):
                call()
        (tmp_path / "elsewhere").rename(tmp_path / "bucket")
        store.ready()

    def test_nginx_may_read(self, store: ObjectStore, tmp_path: Path) -> None:
        before = os.umask(0o022)
        try:
            store.put("1/full.png", b"x", "image/png")
        finally:
            os.umask(before)
        assert (tmp_path / "bucket/1/full.png").stat().st_mode & 0o777 == 0o644
        assert (tmp_path / "bucket/1").stat().st_mode & 0o777 == 0o755


def test_nginx_is_pointed_to_an_object_only_where_there_is_one(tmp_path: Path) -> None:
    assert FilesystemStore(tmp_path, redirects=True).redirect("1/full.png") == "/_objects/1/full.png"
    assert FilesystemStore(tmp_path).redirect("1/full.png") is None
