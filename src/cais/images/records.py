"""What makes an image out of a stack of snapshots: config and manifest as blobs, then the rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from cais.clock import Clock
from cais.errors import NotFoundError
from cais.images.blobs import Blobs
from cais.images.documents import decode_config
from cais.images.known import Known
from cais.images.lease import Lease
from cais.images.model import MEDIA_CONFIG, MEDIA_LAYER, Descriptor, ImageConfig, Manifest, RootFS, StoredImage
from cais.images.reference import parse_reference
from cais.images.rows import ImageRow, Rows, SnapshotRow
from cais.images.snapshot import SnapshotFolders


class Records:
    """The store's parts, and the operations that need all of them."""

    def __init__(
        self, rows: Rows, known: Known, blobs: Blobs, snapshots: SnapshotFolders, lease: Lease, clock: Clock
    ) -> None:
        self.rows = rows
        self.known = known
        self.blobs = blobs
        self.snapshots = snapshots
        self.lease = lease
        self.clock = clock

    def stored(self, row: ImageRow) -> StoredImage:
        """The image of a row."""
        chain = self.rows.chain(row.snapshot)
        return StoredImage(
            id=row.id,
            config=decode_config(self.blobs.read(row.id)),
            chain_ids=tuple(layer.id for layer in chain),
            snapshot_paths=tuple(self.snapshots.folder_of(layer.id) for layer in chain),
            references=self.rows.references(row.id),
            size_bytes=sum(layer.tar_bytes or 0 for layer in chain),
            created_at=row.created_at,
        )

    def create(
        self, config: ImageConfig, snapshot_id: str, references: Sequence[str], created_at: float | None
    ) -> StoredImage:
        """Record an image of `snapshot_id`'s chain, whose layers are digested now."""
        with self.lease.writing():  # the layers found equal may be needed by nothing else yet
            layers = self.digested(snapshot_id)
            diff_ids = tuple(layer.diff_id for layer in layers if layer.diff_id is not None)
            config = msgspec.structs.replace(config, rootfs=RootFS(diff_ids=diff_ids))
            return self.record(msgspec.json.encode(config), layers, references, created_at)

    def record(
        self, config: bytes, layers: Sequence[SnapshotRow], references: Sequence[str], created_at: float | None
    ) -> StoredImage:
        """Record an image with its config's exact bytes (which are its identity) and its digested layers. The caller holds the lease."""
        keys = [parse_reference(reference).key for reference in references]
        image_id = self.blobs.put(config)
        manifest = msgspec.json.encode(
            Manifest(
                config=Descriptor(media_type=MEDIA_CONFIG, digest=image_id, size=len(config)),
                layers=tuple(layer_descriptor(layer) for layer in layers),
            )
        )
        row = ImageRow(
            id=image_id,
            snapshot=layers[-1].id if layers else "",
            manifest=self.blobs.put(manifest),
            manifest_bytes=len(manifest),
            created_at=self.clock.now() if created_at is None else created_at,
        )
        with self.rows.transaction():
            self.rows.add_image(row)
            for key in keys:
                self.rows.set_reference(key, image_id)
        self.write_index()
        return self.stored(self.rows.image(image_id) or row)

    def digested(self, snapshot_id: str) -> list[SnapshotRow]:
        """The chain with every layer's digests, made where they are missing.

        Two layers that turn out to be the same are one from here on: all that stood on the younger stands on the older.
        """
        chain = self.rows.chain(snapshot_id)
        if snapshot_id and not chain:
            raise NotFoundError(f'snapshot "{snapshot_id}" does not exist')
        done: list[SnapshotRow] = []
        for layer in chain:
            done.append(layer if layer.chain_id else self._digest(layer, done))
        return done

    def _digest(self, layer: SnapshotRow, below: Sequence[SnapshotRow]) -> SnapshotRow:
        from cais.images.layer import digest_layer

        lowers = [self.snapshots.folder_of(lower.id) for lower in below]
        diff_id, size = digest_layer(self.snapshots.folder_of(layer.id), lowers=lowers, epoch_s=layer.epoch_s)
        chain = chain_id(below[-1].chain_id if below else None, diff_id)
        with self.rows.transaction():
            same = self.rows.snapshot_of_chain(chain)
            if same is not None and same.id != layer.id:
                self.rows.replace_snapshot(layer.id, same.id)
                return same
            self.rows.set_digest(layer.id, diff_id, chain, size)
        return msgspec.structs.replace(layer, diff_id=diff_id, chain_id=chain, tar_bytes=size)

    def write_index(self) -> None:
        """Bring index.json in line with the rows."""
        from cais.images.index import Index, index_entry

        with self.blobs.lock():
            entries = []
            for image in self.rows.images():
                for reference in self.rows.references(image.id) or ("",):
                    tag = parse_reference(reference).tag if reference else ""
                    entries.append(index_entry(image.manifest, image.manifest_bytes, reference, tag))
            self.blobs.write_index(msgspec.json.encode(Index(manifests=tuple(entries))))


def chain_id(parent: str | None, diff_id: str) -> str:
    """OCI image config, "Layer ChainID"."""
    return "sha256:" + hashlib.sha256(f"{parent} {diff_id}".encode()).hexdigest() if parent else diff_id


def layer_descriptor(layer: SnapshotRow) -> Descriptor:
    """A digested layer as a manifest names it: the blob it is kept as, else the tar that is made of its folder on demand."""
    if layer.blob is not None and layer.blob_type is not None and layer.blob_bytes is not None:
        return Descriptor(media_type=layer.blob_type, digest=layer.blob, size=layer.blob_bytes)
    assert layer.diff_id is not None
    assert layer.tar_bytes is not None
    return Descriptor(media_type=MEDIA_LAYER, digest=layer.diff_id, size=layer.tar_bytes)
