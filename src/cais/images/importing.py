"""A folder or a tar file to a one-layer image."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Sequence

import msgspec

from cais.clock import rfc3339
from cais.errors import NotFoundError
from cais.images.bounded import Bounded, Counting
from cais.images.decompress import decompressed
from cais.images.layer import layer_tar
from cais.images.limits import DEFAULT_LIMITS
from cais.images.model import History, ImageConfig, StoredImage
from cais.images.records import Records
from cais.images.snapshot import sync_file_system
from cais.images.unpack import unpack


def import_root(
    records: Records,
    source: str,
    config: ImageConfig,
    *,
    references: Sequence[str],
    on_bytes: Callable[[int], None] | None = None,
) -> StoredImage:
    """Make a one-layer image of `source`. `on_bytes` is told the bytes read so far. Raises NotFoundError, InvalidImage."""
    try:
        is_folder = stat.S_ISDIR(os.stat(source).st_mode)
    except FileNotFoundError:
        raise NotFoundError(f'"{source}" does not exist', hint="give a folder or a tar file") from None
    with records.snapshots.unpacking("") as layer:
        if is_folder:
            # By way of a tar stream, so that a folder is read with the same suspicion and the same rules as an archive.
            unpack(Counting(IterableSource(layer_tar(source)), on_bytes), layer.upper)
        else:
            with open(source, "rb") as stream:
                read = Counting(stream, on_bytes)
                with decompressed(read) as content:
                    unpack(Bounded(content, read, layer.upper, DEFAULT_LIMITS), layer.upper)
        sync_file_system(layer.upper)
        snapshot_id = layer.commit()
    if not config.history:
        created = config.created or rfc3339(records.clock.now())
        line = History(created=created, created_by=f"cais image import {os.path.basename(source)}")
        config = msgspec.structs.replace(config, history=(line,), created=created)
    return records.create(config, snapshot_id, references, None)


class IterableSource:
    """Pieces of bytes as something to read from."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")

    def read(self, count: int) -> bytes:
        """At most `count` bytes; b"" at the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = memoryview(piece)
        taken, self._rest = self._rest[:count], self._rest[count:]
        return bytes(taken)
