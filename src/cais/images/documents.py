"""JSON documents of others to typed values: image configs, manifests and indexes as registries and archives give them."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from cais.errors import InvalidImage, Problem
from cais.images.blobs import Index, IndexEntry
from cais.images.model import DOCKER_MANIFEST_LIST, MEDIA_INDEX, ImageConfig, Manifest
from cais.images.platforms import Platform, best

_INDEX_TYPES = (MEDIA_INDEX, DOCKER_MANIFEST_LIST)
_ATTESTATION = "vnd.docker.reference.type"
T = TypeVar("T")


class _Kind(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str = ""
    schema_version: int = 0
    manifests: list[object] | None = None


def decode_config(data: bytes) -> ImageConfig:
    """An image config. Raises InvalidImage."""
    return decode(data, ImageConfig, "image config")


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


def decode(data: bytes, kind: type[T], name: str) -> T:
    """`data` as a `kind`; members that are null count as absent, for Docker writes `"Cmd": null`."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError:
        pass
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidImage([Problem(f"the {name} is not JSON: {error}")]) from error
    try:
        return msgspec.convert(_without_nulls(msgspec.json.decode(data)), type=kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise InvalidImage([Problem(f"the {name} is malformed: {error}")]) from error


def _without_nulls(node: object) -> object:
    if isinstance(node, dict):
        return {key: _without_nulls(value) for key, value in node.items() if value is not None}
    if isinstance(node, list):
        return [_without_nulls(value) for value in node]
    return node
