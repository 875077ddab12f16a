"""The image index (OCI image-index.md, Docker's manifest list): the images of a layout, or the platforms of one image."""

from __future__ import annotations

import msgspec

from cais.digest import Digest
from cais.errors import InvalidImage, Problem
from cais.images.documents import decode
from cais.images.model import DOCKER_MANIFEST_LIST, MEDIA_INDEX, MEDIA_MANIFEST, Manifest
from cais.images.platforms import Platform, best

NAME_ANNOTATION = "io.containerd.image.name"
TAG_ANNOTATION = "org.opencontainers.image.ref.name"
_INDEX_TYPES = (MEDIA_INDEX, DOCKER_MANIFEST_LIST)
_ATTESTATION = "vnd.docker.reference.type"


class IndexEntry(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One manifest in an index."""

    digest: Digest
    size: int
    media_type: str = ""
    annotations: dict[str, str] | None = None
    platform: Platform | None = None


class Index(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An image index, or Docker's manifest list."""

    manifests: tuple[IndexEntry, ...]
    schema_version: int = 2
    media_type: str = MEDIA_INDEX


class _Kind(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str = ""
    schema_version: int = 0
    manifests: list[object] | None = None


def decode_manifest(data: bytes) -> Manifest | Index:
    """A manifest or an index, told apart by what it says it is, else by its members. Raises InvalidImage."""
    kind = decode(data, _Kind, "image manifest")
    if kind.schema_version == 1:
        raise InvalidImage([Problem("the image manifest has Docker's schema 1, which is not supported")])
    if kind.media_type in _INDEX_TYPES or (not kind.media_type and kind.manifests is not None):
        return decode(data, Index, "image index")
    return decode(data, Manifest, "image manifest")


def choose(index: Index, wanted: Platform) -> IndexEntry:
    """The manifest of an index for a platform; attestations are no images. Raises InvalidImage that names what there is."""
    images = [entry for entry in index.manifests if _ATTESTATION not in (entry.annotations or {})]
    if len(images) == 1 and images[0].platform is None:
        return images[0]
    chosen = best([entry.platform for entry in images if entry.platform], wanted)
    return next(entry for entry in images if entry.platform == chosen)


def index_entry(manifest: Digest, size: int, reference: str, tag: str) -> IndexEntry:
    """An entry of index.json; without a reference it has no annotations."""
    annotations = {NAME_ANNOTATION: reference, TAG_ANNOTATION: tag} if reference else None
    return IndexEntry(media_type=MEDIA_MANIFEST, digest=manifest, size=size, annotations=annotations)
