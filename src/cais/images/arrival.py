"""A layer that comes as a tar, from an archive or a registry: verified, unpacked and recorded in one pass over its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import msgspec

from cais.digest import Digest, VerifiedReader, parse_digest
from cais.errors import InvalidImage, Problem
from cais.images.bounded import Bounded, Counting
from cais.images.decompress import decompressed, drain
from cais.images.layer import digest_layer
from cais.images.limits import DEFAULT_LIMITS, Limits
from cais.images.model import (
    DOCKER_LAYER_GZIP,
    MEDIA_LAYER,
    MEDIA_LAYER_GZIP,
    MEDIA_LAYER_ZSTD,
    Descriptor,
    ImageConfig,
)
from cais.images.records import Records, chain_id
from cais.images.rows import SnapshotRow
from cais.images.snapshot import KnownLayer, Working
from cais.images.tarread import ByteSource
from cais.images.unpack import unpack

_COMPRESSED = {
    MEDIA_LAYER_GZIP: MEDIA_LAYER_GZIP,
    MEDIA_LAYER_ZSTD: MEDIA_LAYER_ZSTD,
    DOCKER_LAYER_GZIP: MEDIA_LAYER_GZIP,
}
_PLAIN = (MEDIA_LAYER, "application/vnd.docker.image.rootfs.diff.tar")

OpenBlob = Callable[[], AbstractContextManager[ByteSource]]


class ArrivingLayer(msgspec.Struct, frozen=True):
    """A layer to take in: what it is said to be, and how to read it (perhaps twice). `is_kept`: what `open` gives is verified and stands
    among the store's blobs when it was read to its end."""

    descriptor: Descriptor
    diff_id: Digest
    open: OpenBlob
    is_kept: bool = False


def take_layers(
    records: Records, layers: Sequence[ArrivingLayer], *, limits: Limits = DEFAULT_LIMITS
) -> list[SnapshotRow]:
    """The layers' rows, bottom first; those that the store has already are not read. Raises InvalidImage for content that is not as said."""
    done: list[SnapshotRow] = []
    for layer in layers:
        done.append(_take(records, layer, done, limits))
    return done


def check_layer_count(config: ImageConfig, count: int) -> None:
    """Raises InvalidImage unless an image with `config` has `count` layers, and not too many."""
    if count > DEFAULT_LIMITS.layers:
        raise InvalidImage(
            [Problem(f"the image has {count} layers, more than the {DEFAULT_LIMITS.layers} there may be")]
        )
    expected = len(config.rootfs.diff_ids)
    if expected != count:
        raise InvalidImage([Problem(f"the image has {count} layers, but its config speaks of {expected}")])


def missing_layers(records: Records, diff_ids: Sequence[Digest]) -> list[bool]:
    """For each layer of a stack whether the store lacks it."""
    missing: list[bool] = []
    chain: str | None = None
    for diff_id in diff_ids:
        chain = chain_id(chain, diff_id)
        missing.append(records.rows.snapshot_of_chain(chain) is None)
    return missing


def _take(records: Records, layer: ArrivingLayer, below: Sequence[SnapshotRow], limits: Limits) -> SnapshotRow:
    chain = chain_id(below[-1].chain_id if below else None, layer.diff_id)
    present = records.rows.snapshot_of_chain(chain)
    if present is not None:
        return present
    parse_digest(layer.descriptor.digest)  # it names a file of ours
    kept_type = _COMPRESSED.get(layer.descriptor.media_type)
    if kept_type is None and layer.descriptor.media_type not in _PLAIN:
        raise InvalidImage([Problem(f'layer type "{layer.descriptor.media_type[:200]}" is not supported')])
    lowers = [records.snapshots.folder_of(lower.id) for lower in below]
    with records.snapshots.unpacking(below[-1].id if below else "") as working:
        tar_bytes = _unpack(records, layer, working, lowers, limits, keep=kept_type is not None)
        if kept_type is None and digest_layer(working.upper, lowers=lowers)[0] != layer.diff_id:
            # Our own tars come out of the folder as they went in; anybody else's must be kept to be given on unchanged.
            kept_type = MEDIA_LAYER
            if not layer.is_kept:
                with layer.open() as raw, _adding(records, layer, raw) as copied:
                    drain(copied)
        known = KnownLayer(diff_id=layer.diff_id, chain_id=chain, tar_bytes=tar_bytes)
        if kept_type is not None:
            known = msgspec.structs.replace(
                known, blob=layer.descriptor.digest, blob_type=kept_type, blob_bytes=layer.descriptor.size
            )
        working.commit_known(known)
    if layer.is_kept and kept_type is None and not records.rows.is_blob_of_layer(layer.descriptor.digest):
        records.blobs.remove(layer.descriptor.digest)
    row = records.rows.snapshot_of_chain(chain)
    assert row is not None
    return row


def _unpack(
    records: Records, layer: ArrivingLayer, working: Working, lowers: Sequence[str], limits: Limits, *, keep: bool
) -> int:
    with layer.open() as raw:
        if layer.is_kept:
            return _unpack_verified(raw, layer.diff_id, working.upper, lowers, limits)
        if keep:
            with _adding(records, layer, raw) as copied:
                return _unpack_verified(copied, layer.diff_id, working.upper, lowers, limits)
        verified = VerifiedReader(raw, layer.descriptor.digest, layer.descriptor.size)  # type: ignore[arg-type]  # it only reads
        return _unpack_verified(verified, layer.diff_id, working.upper, lowers, limits)


def _unpack_verified(stream: ByteSource, diff_id: Digest, folder: str, lowers: Sequence[str], limits: Limits) -> int:
    read = Counting(stream)
    with decompressed(read) as content:
        hashing = _Hashing(Bounded(content, read, folder, limits), diff_id)
        unpack(hashing, folder, lowers=lowers, limits=limits)
        drain(hashing)
    hashing.check()
    return hashing.seen


def _adding(records: Records, layer: ArrivingLayer, raw: ByteSource) -> AbstractContextManager[ByteSource]:
    return records.blobs.adding(raw, layer.descriptor.digest, layer.descriptor.size)


class _Hashing:
    """Digests the tar while it is unpacked."""

    def __init__(self, stream: ByteSource, diff_id: Digest) -> None:
        self._stream = stream
        self._diff_id = diff_id
        self._hasher = hashlib.new(diff_id.partition(":")[0])
        self.seen = 0

    def read(self, count: int) -> bytes:
        piece = self._stream.read(count)
        self._hasher.update(piece)
        self.seen += len(piece)
        return piece

    def check(self) -> None:
        found = f"{self._diff_id.partition(':')[0]}:{self._hasher.hexdigest()}"
        if found != self._diff_id:
            raise InvalidImage([Problem(f"a layer has diff ID {found}, but the image config says {self._diff_id}")])
