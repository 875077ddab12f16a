"""An image of the store as somewhere to copy it from: its layers packed as they travel, into files that go when it is done with."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import threading
from collections.abc import Callable, Iterator

import msgspec

from cais.digest import Digest, digest_bytes
from cais.errors import InvalidImage, NotFoundError, Problem
from cais.images.archive import layer_pieces
from cais.images.compress import Compression, compressed, recipe
from cais.images.content import Content, Opened
from cais.images.layer import layer_tar
from cais.images.model import MEDIA_CONFIG, MEDIA_LAYER, MEDIA_MANIFEST, Descriptor, Manifest
from cais.images.records import Records
from cais.images.rows import ImageRow, SnapshotRow

OnPacked = Callable[[SnapshotRow, int], None]
"""Is told how many bytes of a layer's tar have been packed."""


class StoreSource:
    """One image. Layers that came packed are given as they came; others are packed by `compression`, when what they pack to is not known
    or somebody wants to read them. Made by `open_image`."""

    transfers = 3

    def __init__(
        self, records: Records, image: ImageRow, compression: Compression, scratch: str, on_packed: OnPacked
    ) -> None:
        self._records = records
        self._image = image
        self._compression = compression
        self._scratch = scratch
        self._on_packed = on_packed
        self._layers = records.rows.chain(image.snapshot)
        self._of: dict[str, int] = {}
        self._locks: dict[int, threading.Lock] = {n: threading.Lock() for n in range(len(self._layers))}

    def blobs(self) -> tuple[Digest, ...]:
        """The digests of the layers as they travel, which are found out now."""
        manifest = msgspec.json.decode(self.root().data, type=Manifest)
        return tuple(each.digest for each in manifest.layers)

    @functools.cache  # noqa: B019  (it lives as long as the transfer)
    def root(self) -> Content:
        """The manifest, which is made now, with what its layers pack to."""
        descriptors = _side_by_side(self._descriptor, range(len(self._layers)), self.transfers)
        for number, descriptor in enumerate(descriptors):
            self._of.setdefault(descriptor.digest, number)
        size = os.stat(self._records.blobs.path(self._image.id)).st_size
        config = Descriptor(media_type=MEDIA_CONFIG, digest=self._image.id, size=size)
        data = msgspec.json.encode(Manifest(config=config, layers=tuple(descriptors)))
        return Content(data, MEDIA_MANIFEST, digest_bytes(data))

    def manifest(self, digest: Digest) -> Content:
        """There is none but the root."""
        raise NotFoundError(f'manifest "{digest}" is not in the store')

    def document(self, descriptor: Descriptor) -> bytes:
        """The image config."""
        return self._records.blobs.read(descriptor.digest)

    @contextlib.contextmanager
    def open(self, descriptor: Descriptor, offset: int = 0) -> Iterator[Opened]:
        """The config or a layer, from anywhere. Raises InvalidImage when a layer does not pack to what it did."""
        with open(self._path(descriptor), "rb") as stream:
            stream.seek(offset)
            yield Opened(stream, offset)

    def _path(self, descriptor: Descriptor) -> str:
        if descriptor.digest == self._image.id:
            return self._records.blobs.path(self._image.id)
        number = self._of[descriptor.digest]
        layer = self._layers[number]
        if _is_packed(layer):
            assert layer.blob is not None
            return self._records.blobs.path(layer.blob)
        path = self._packed_path(number)
        with self._locks[number]:
            if not os.path.exists(path) and self._pack(number).digest != descriptor.digest:
                os.unlink(path)
                hint = "run the command again: what it packs to now is known now"
                raise InvalidImage([Problem(f'layer "{layer.id}" does not pack to the bytes it did before', hint=hint)])
        return path

    def _descriptor(self, number: int) -> Descriptor:
        layer = self._layers[number]
        if _is_packed(layer):
            assert layer.blob is not None
            assert layer.blob_type is not None
            assert layer.blob_bytes is not None
            return Descriptor(media_type=layer.blob_type, digest=layer.blob, size=layer.blob_bytes)
        known = self._records.known.packed(str(layer.diff_id), recipe(self._compression))
        if known is not None:
            return Descriptor(media_type=self._compression.media_type, digest=known[0], size=known[1])
        with self._locks[number]:
            return self._pack(number)

    def _pack(self, number: int) -> Descriptor:
        layer = self._layers[number]
        path = self._packed_path(number)
        digest, size = self._write(number, f"{path}.part")
        os.rename(f"{path}.part", path)
        self._records.known.set_packed(str(layer.diff_id), recipe(self._compression), digest, size)
        return Descriptor(media_type=self._compression.media_type, digest=digest, size=size)

    def _write(self, number: int, path: str) -> tuple[Digest, int]:
        hasher = hashlib.sha256()
        size = 0
        with open(path, "wb", buffering=0) as sink:
            for piece in compressed(self._tar(number), self._compression):
                hasher.update(piece)
                size += len(piece)
                sink.write(piece)
        return Digest("sha256:" + hasher.hexdigest()), size

    def _tar(self, number: int) -> Iterator[bytes]:
        """The layer's tar, which must be the one that was recorded."""
        layer = self._layers[number]
        algorithm = str(layer.diff_id).partition(":")[0]
        hasher = hashlib.new(algorithm)
        done = 0
        for piece in self._tar_pieces(number):
            hasher.update(piece)
            done += len(piece)
            self._on_packed(layer, done)
            yield piece
        if f"{algorithm}:{hasher.hexdigest()}" != layer.diff_id:
            hint = "cais image validate says more; remove the image and get or build it again"
            raise InvalidImage([Problem(f'layer "{layer.id}" is not what was recorded', hint=hint)])

    def _tar_pieces(self, number: int) -> Iterator[bytes]:
        layer, below = self._layers[number], self._layers[:number]
        if layer.blob is not None:
            return layer_pieces(self._records, layer, below)
        lowers = [self._records.snapshots.folder_of(lower.id) for lower in below]
        return layer_tar(self._records.snapshots.folder_of(layer.id), lowers=lowers, epoch_s=layer.epoch_s)

    def _packed_path(self, number: int) -> str:
        return os.path.join(self._scratch, str(number))


@contextlib.contextmanager
def open_image(
    records: Records, image: ImageRow, compression: Compression, on_packed: OnPacked = lambda _layer, _done: None
) -> Iterator[StoreSource]:
    """The image as a source for the block."""
    with records.snapshots.scratch() as scratch:
        yield StoreSource(records, image, compression, scratch, on_packed)


def _is_packed(layer: SnapshotRow) -> bool:
    return layer.blob is not None and layer.blob_type != MEDIA_LAYER


def _side_by_side(work: Callable[[int], Descriptor], numbers: range, threads: int) -> list[Descriptor]:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(threads, thread_name_prefix="pack") as pool:
        return list(pool.map(work, numbers))
