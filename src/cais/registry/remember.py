"""Keeps what a transfer has shown: which repository has which blobs, and by which digest it knows an image."""

from __future__ import annotations

from cais.digest import Digest, parse_digest
from cais.images.model import Manifest
from cais.images.store import ImageStore


def remember(store: ImageStore, image_id: Digest, repository: str, digest: Digest, manifest: Manifest | None) -> None:
    """`repository` (`ghcr.io/a/b`) knows the image by `digest`; with a manifest given, it has its blobs."""
    known = store.records.known
    known.add_digest(image_id, repository, digest, store.records.clock.now())
    if manifest is not None:
        for each in (manifest.config, *manifest.layers):
            known.add_repository(parse_digest(each.digest), repository)
