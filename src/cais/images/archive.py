"""Images to one file and back: an OCI image layout in a tar, with the `manifest.json` that `docker load` and `docker save` know."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

import msgspec

from cais import durable
from cais.digest import Digest, digest_file, parse_digest
from cais.errors import InvalidImage, NotFoundError, Problem
from cais.images import tarwrite
from cais.images.archivefile import ArchiveFile, open_archive
from cais.images.arrival import ArrivingLayer, check_layer_count, take_layers
from cais.images.blobs import INDEX_FILE, LAYOUT_CONTENT, LAYOUT_FILE
from cais.images.dockerarchive import DOCKER_FILE, DockerImage, media_type_of
from cais.images.documents import decode, decode_config
from cais.images.index import Index, IndexEntry, choose, decode_manifest, index_entry
from cais.images.layer import layer_tar
from cais.images.layout import blob_name, entry_name
from cais.images.model import (
    Descriptor,
    Manifest,
    StoredImage,
)
from cais.images.platforms import host_platform
from cais.images.records import Records, layer_descriptor
from cais.images.reference import Reference, parse_reference
from cais.images.rows import ImageRow, SnapshotRow

_MAX_INDEX_DEPTH = 3
OnBytes = Callable[[int], None]


class Export(msgspec.Struct, frozen=True):
    """An image to save, under the names it was asked by (none when asked by id)."""

    image: ImageRow
    references: tuple[Reference, ...]


# --- save ------------------------------------------------------------------------------------------------------------


def save(records: Records, exports: Sequence[Export], path: str) -> None:
    """Write the archive to `path`; it appears when it is complete."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise NotFoundError(f'folder "{folder}" does not exist', hint=f"mkdir -p {folder}")
    if os.path.exists(path) and not os.path.isfile(path):  # /dev/stdout, a pipe
        with open(path, "wb") as sink:
            write_archive(records, exports, sink)
        return
    # An image may hold what not everybody should read; Docker's mode too.
    with durable.appearing(path, mode=0o600) as sink:
        write_archive(records, exports, sink)


def write_archive(records: Records, exports: Sequence[Export], sink: BinaryIO) -> None:
    """Write the archive of `exports`; layers are uncompressed unless the store keeps them compressed."""
    entries: list[IndexEntry] = []
    docker: list[DockerImage] = []
    written: set[Digest] = set()
    for export in exports:
        layers = records.rows.chain(export.image.snapshot)
        for number, layer in enumerate(layers):
            _write_layer(records, layer, layers[:number], sink, written)
        for digest in (export.image.id, export.image.manifest):
            if digest not in written:
                written.add(digest)
                sink.write(tarwrite.file(blob_name(digest), records.blobs.read(digest)))
        named = [(str(reference), reference.tag) for reference in export.references] or [("", "")]
        entries += [index_entry(export.image.manifest, export.image.manifest_bytes, *name) for name in named]
        docker.append(
            DockerImage(
                config=blob_name(export.image.id),
                layers=tuple(blob_name(layer_descriptor(layer).digest) for layer in layers),
                repo_tags=tuple(reference.familiar for reference in export.references if reference.tag),
            )
        )
    sink.write(tarwrite.file(INDEX_FILE, msgspec.json.encode(Index(manifests=tuple(entries)))))
    sink.write(tarwrite.file(DOCKER_FILE, msgspec.json.encode(docker)))
    sink.write(tarwrite.file(LAYOUT_FILE, LAYOUT_CONTENT))
    sink.write(tarwrite.END)


def _write_layer(
    records: Records, layer: SnapshotRow, below: Sequence[SnapshotRow], sink: BinaryIO, written: set[Digest]
) -> None:
    descriptor = layer_descriptor(layer)
    if descriptor.digest in written:
        return
    written.add(descriptor.digest)
    name = blob_name(descriptor.digest)
    sink.write(tarwrite.header(name.encode(), tarwrite.REGULAR, size=descriptor.size))
    size = 0
    for piece in layer_pieces(records, layer, below):
        size += len(piece)
        sink.write(piece)
    if size != descriptor.size:
        raise InvalidImage(
            [Problem(f'layer "{layer.id}" is not what was recorded', hint="cais image validate says more")]
        )
    sink.write(tarwrite.padding(size))


def layer_pieces(records: Records, layer: SnapshotRow, below: Sequence[SnapshotRow]) -> Iterator[bytes]:
    """The bytes of the blob that `layer_descriptor` names."""
    if layer.blob is None:
        lowers = [records.snapshots.folder_of(lower.id) for lower in below]
        yield from layer_tar(records.snapshots.folder_of(layer.id), lowers=lowers, epoch_s=layer.epoch_s)
        return
    with records.blobs.open(layer.blob) as stream:
        while piece := stream.read(1 << 20):
            yield piece


# --- load ------------------------------------------------------------------------------------------------------------


def load(records: Records, path: str, on_bytes: OnBytes | None = None) -> tuple[StoredImage, ...]:
    """Read an archive written by `save`, `docker save` (any version since 1.10) or a tarred OCI layout.

    Everything is verified against the image config's diff IDs. Of an image for several platforms the host's is taken.
    Raises InvalidImage, NotFoundError.
    """
    with (
        records.lease.writing(),
        records.snapshots.scratch() as scratch,
        open_archive(path, scratch, on_bytes) as archive,
    ):
        if archive.has(DOCKER_FILE):
            images = decode(archive.read(DOCKER_FILE), tuple[DockerImage, ...], "manifest.json of the archive")
            if not images:
                raise InvalidImage([Problem(f'"{path}" holds no image')])
            return tuple(_load_docker(records, archive, image) for image in images)
        if archive.has(INDEX_FILE):
            index = decode(archive.read(INDEX_FILE), Index, "index.json of the archive")
            return _load_layout(records, archive, index)
    raise InvalidImage(
        [
            Problem(
                f'"{path}" is not an image archive: it has neither manifest.json nor index.json',
                hint="a root file system is made an image by: cais image import",
            )
        ]
    )


def _load_docker(records: Records, archive: ArchiveFile, image: DockerImage) -> StoredImage:
    data = archive.read(image.config)
    config = decode_config(data)
    check_layer_count(config, len(image.layers))
    layers = []
    for name, diff_id in zip(image.layers, config.rootfs.diff_ids, strict=True):
        with archive.open(name) as stream:
            digest, size = digest_file(stream)  # type: ignore[arg-type]  # it only reads
        descriptor = Descriptor(media_type=media_type_of(archive, name), digest=digest, size=size)
        layers.append(ArrivingLayer(descriptor, parse_digest(diff_id), _opener(archive, name)))
    return records.record(data, take_layers(records, layers), image.repo_tags, None)


def _load_layout(records: Records, archive: ArchiveFile, index: Index) -> tuple[StoredImage, ...]:
    loaded: dict[Digest, StoredImage] = {}
    for entry in index.manifests:
        name = entry_name(entry)
        references = [str(parse_reference(name))] if name else []
        manifest = _manifest(archive, entry, 0)
        image = _load_manifest(records, archive, manifest, references)
        loaded[image.id] = image
    return tuple(loaded.values())


def _manifest(archive: ArchiveFile, entry: IndexEntry, depth: int) -> Manifest:
    document = decode_manifest(_read_blob(archive, entry.digest))
    if isinstance(document, Manifest):
        return document
    if depth == _MAX_INDEX_DEPTH:
        raise InvalidImage([Problem("the archive's indexes are nested too deeply")])
    return _manifest(archive, choose(document, host_platform()), depth + 1)


def _load_manifest(
    records: Records, archive: ArchiveFile, manifest: Manifest, references: Sequence[str]
) -> StoredImage:
    data = _read_blob(archive, manifest.config.digest)
    config = decode_config(data)
    check_layer_count(config, len(manifest.layers))
    layers = []
    for descriptor, diff_id in zip(manifest.layers, config.rootfs.diff_ids, strict=True):
        name = blob_name(parse_digest(descriptor.digest))
        layers.append(ArrivingLayer(descriptor, parse_digest(diff_id), _opener(archive, name)))
    return records.record(data, take_layers(records, layers), references, None)


def _read_blob(archive: ArchiveFile, digest: Digest) -> bytes:
    return archive.read(blob_name(parse_digest(digest)), digest=digest)


def _opener(archive: ArchiveFile, name: str) -> Callable[[], contextlib.AbstractContextManager[ArchiveFile.Source]]:
    return lambda: archive.open(name)
