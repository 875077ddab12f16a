from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cais.images import protocol
from cais.images.store import ImageStore


def test_the_store_is_what_its_users_see(tmp_path: Path) -> None:
    def as_seen(store: ImageStore) -> protocol.ImageStore:
        return store  # mypy compares every method

    names = [name for name in vars(protocol.ImageStore) if not name.startswith("_")]
    assert [name for name in names if not hasattr(ImageStore, name)] == []


def test_finding_an_image_loads_no_tar_no_mount_and_no_network() -> None:
    code = "import cais.images.store, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    heavy = ["tarfile", "shutil", "ctypes", "sqlite3", "subprocess", "http.client", "urllib.request", "dataclasses"]
    ours = ["unpack", "layer", "archive", "index", "collect", "tarread"]
    assert [name for name in [*heavy, *(f"cais.images.{name}" for name in ours)] if name in loaded] == []
