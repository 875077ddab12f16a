"""Recomputes everything the store says of an image: the oracle of the tests, and what `cais image validate` shows."""

from __future__ import annotations

import hashlib

from cais.digest import Digest, digest_file
from cais.errors import CaisError
from cais.images.decompress import decompressed
from cais.images.documents import decode_config
from cais.images.index import decode_manifest
from cais.images.layer import digest_layer
from cais.images.model import Manifest
from cais.images.records import Records, chain_id, layer_descriptor
from cais.images.rows import ImageRow, SnapshotRow
from cais.images.unpack import unpack


def validate(records: Records, image: ImageRow) -> tuple[str, ...]:
    """What is wrong with an image, one sentence each; () when everything is as recorded."""
    found: list[str] = []
    layers = records.rows.chain(image.snapshot)
    if image.snapshot and (not layers or layers[0].parent):
        found.append(f'the chain of snapshot "{image.snapshot}" is broken')
    try:
        config = decode_config(records.blobs.read(image.id))
        manifest = decode_manifest(records.blobs.read(image.manifest))
    except CaisError as error:
        return (*found, error.message)
    if config.rootfs.diff_ids != tuple(layer.diff_id for layer in layers):
        found.append("the image config names other layers than the store has")
    if not isinstance(manifest, Manifest) or manifest.config.digest != image.id:
        found.append("the manifest is of another image")
    elif manifest.layers != tuple(layer_descriptor(layer) for layer in layers if layer.diff_id):
        found.append("the manifest names other blobs than the store has")
    for number, layer in enumerate(layers):
        found += _layer_faults(records, layer, layers[:number])
    return tuple(found)


def _layer_faults(records: Records, layer: SnapshotRow, below: list[SnapshotRow]) -> list[str]:
    name = f'layer "{layer.id}"'
    if layer.diff_id is None or layer.chain_id is None:
        return [f"{name} was never digested"]
    faults = []
    if layer.chain_id != chain_id(below[-1].chain_id if below else None, layer.diff_id):
        faults.append(f"{name} has a wrong chain ID")
    lowers = [records.snapshots.folder_of(lower.id) for lower in below]
    try:
        digest, size = digest_layer(records.snapshots.folder_of(layer.id), lowers=lowers, epoch_s=layer.epoch_s)
        if layer.blob is not None:
            faults += _blob_faults(records, layer, lowers, digest)
        elif (digest, size) != (layer.diff_id, layer.tar_bytes):
            faults.append(f"{name} has content with diff ID {digest}, not {layer.diff_id}")
    except (CaisError, OSError) as error:
        faults.append(f"{name} cannot be read: {error}")
    return faults


def _blob_faults(records: Records, layer: SnapshotRow, lowers: list[str], folder_digest: Digest) -> list[str]:
    """Is the blob what its digest says, its tar what the diff ID says, and the folder what unpacking it gives?"""
    assert layer.blob is not None
    with records.blobs.open(layer.blob) as stream:
        if digest_file(stream) != (layer.blob, layer.blob_bytes):
            return [f'blob "{layer.blob}" is damaged']
        stream.seek(0)
        hasher = hashlib.sha256()
        with decompressed(stream) as content:
            while piece := content.read(1 << 20):
                hasher.update(piece)
        if f"sha256:{hasher.hexdigest()}" != layer.diff_id:
            return [f'blob "{layer.blob}" does not have diff ID {layer.diff_id}']
        stream.seek(0)
        with records.snapshots.unpacking(layer.parent) as again:
            with decompressed(stream) as content:
                unpack(content, again.upper, lowers=lowers)
            if digest_layer(again.upper, lowers=lowers)[0] != folder_digest:
                return [f'layer "{layer.id}" has other content than its blob']
    return []
