"""Images for the tests of registries."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import re
import tarfile
from pathlib import Path
from typing import Any

from tests.e2e.harness import Cais

from cais.images.model import MEDIA_CONFIG, MEDIA_INDEX, MEDIA_LAYER_GZIP, MEDIA_MANIFEST


def sha(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def layer(**files: str) -> bytes:
    """A tar of small files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def make_image(cais: Cais, name: str, size_bytes: int = 3_000_000) -> str:
    """An image of random bytes in the store; its id."""
    folder = cais.folder / re.sub(r"\W", "-", name)
    folder.mkdir()
    (folder / "content").write_bytes(random.Random(name).randbytes(size_bytes))
    (folder / "link").symlink_to("content")
    return cais.ok("image", "import", str(folder), name, "-c", 'CMD ["content"]').stdout.strip()


def digest_of(output: str) -> str:
    """The first digest in what a command printed."""
    found = re.search(r"sha256:[a-f0-9]{64}", output)
    assert found, output
    return found[0]


def inspect(cais: Cais, name: str) -> dict[str, Any]:
    """`cais image inspect`."""
    found: list[dict[str, Any]] = json.loads(cais.ok("image", "inspect", name).stdout)
    return found[0]


class Layout:
    """An OCI layout in a folder, written by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "blobs/sha256").mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')

    def blob(self, media_type: str, data: bytes) -> dict[str, Any]:
        (self.folder / "blobs/sha256" / sha(data)[7:]).write_bytes(data)
        return {"mediaType": media_type, "digest": sha(data), "size": len(data)}

    def image(self, architecture: str) -> dict[str, Any]:
        """A descriptor of an image for a platform, in which the platform is written."""
        tar = layer(for_what=architecture)
        config = {
            "architecture": architecture,
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [sha(tar)]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MEDIA_MANIFEST,
            "config": self.blob(MEDIA_CONFIG, json.dumps(config).encode()),
            "layers": [self.blob(MEDIA_LAYER_GZIP, gzip.compress(tar, mtime=0))],
        }
        entry = self.blob(MEDIA_MANIFEST, json.dumps(manifest).encode())
        return {**entry, "platform": {"os": "linux", "architecture": architecture}}

    def index(self, name: str, *entries: dict[str, Any]) -> str:
        """An index of images, in index.json under a name; its digest."""
        document = {"schemaVersion": 2, "mediaType": MEDIA_INDEX, "manifests": entries}
        root = self.blob(MEDIA_INDEX, json.dumps(document).encode())
        named = {**root, "annotations": {"org.opencontainers.image.ref.name": name}}
        (self.folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [named]}))
        return str(root["digest"])
