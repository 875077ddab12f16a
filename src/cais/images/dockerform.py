"""The same image in the form that Docker used before OCI's: image manifest version 2, schema 2. For those who know nothing newer."""

from __future__ import annotations

import msgspec

from cais.digest import digest_bytes
from cais.images.content import Content
from cais.images.index import decode_manifest
from cais.images.model import (
    DOCKER_CONFIG,
    DOCKER_LAYER_GZIP,
    DOCKER_MANIFEST,
    MEDIA_CONFIG,
    MEDIA_LAYER,
    MEDIA_LAYER_GZIP,
    Descriptor,
    Manifest,
)

_DOCKERS = {
    MEDIA_CONFIG: DOCKER_CONFIG,
    MEDIA_LAYER: "application/vnd.docker.image.rootfs.diff.tar",
    MEDIA_LAYER_GZIP: DOCKER_LAYER_GZIP,
}


class _DockerManifest(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename={"schema_version": "schemaVersion", "media_type": "mediaType"},
):
    schema_version: int = 2
    media_type: str = DOCKER_MANIFEST
    config: Descriptor
    layers: tuple[Descriptor, ...]


def in_dockers_form(content: Content) -> Content | None:
    """An OCI manifest as Docker's; None for what is none, or holds what Docker's has no word for (an index, zstd, an artifact)."""
    document = decode_manifest(content.data)
    if not isinstance(document, Manifest) or document.media_type == DOCKER_MANIFEST:
        return None
    if any(each.media_type not in _DOCKERS for each in (document.config, *document.layers)):
        return None
    data = msgspec.json.encode(
        _DockerManifest(config=_dockers(document.config), layers=tuple(map(_dockers, document.layers)))
    )
    return Content(data, DOCKER_MANIFEST, digest_bytes(data))


def _dockers(descriptor: Descriptor) -> Descriptor:
    return msgspec.structs.replace(descriptor, media_type=_DOCKERS[descriptor.media_type])
