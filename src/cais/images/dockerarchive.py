"""`manifest.json`, which `docker save` writes and `docker load` reads: the images of an archive, by the names of their files."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cais.errors import InvalidImage, NotFoundError, Problem, UsageError, printable
from cais.images.archivefile import ArchiveFile
from cais.images.model import MEDIA_LAYER, MEDIA_LAYER_GZIP, MEDIA_LAYER_ZSTD
from cais.images.reference import parse_reference

DOCKER_FILE = "manifest.json"


class DockerImage(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """One element of it."""

    config: str
    layers: tuple[str, ...] = ()
    repo_tags: tuple[str, ...] = ()


def find_image(images: Sequence[DockerImage], name: str, where: str) -> DockerImage:
    """The image with the tag `name`, or with "" the only one. Raises NotFoundError that says what there is, UsageError, InvalidImage."""
    if not images:
        raise InvalidImage([Problem(f'"{where}" holds no image')])
    if not name:
        if len(images) > 1:
            raise UsageError(f'"{where}" holds several images', hint=f"name one of: {_names(images)}")
        return images[0]
    key = parse_reference(name).key
    for image in images:
        if any(parse_reference(tag).key == key for tag in image.repo_tags):
            return image
    raise NotFoundError(f'"{where}" holds no image named "{name}"', hint=f"there is: {_names(images)}")


def media_type_of(archive: ArchiveFile, name: str) -> str:
    """How a layer's file is packed, which `manifest.json` does not say."""
    with archive.open(name) as stream:
        magic = stream.read(4)
    if magic.startswith(b"\x1f\x8b"):
        return MEDIA_LAYER_GZIP
    return MEDIA_LAYER_ZSTD if magic == b"\x28\xb5\x2f\xfd" else MEDIA_LAYER


def _names(images: Sequence[DockerImage]) -> str:
    return printable(", ".join(tag for image in images for tag in image.repo_tags)[:500])
