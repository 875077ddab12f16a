"""Blobs and the index of the OCI image layout (image-layout.md) in `store/`."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from cais import durable
from cais.digest import Digest, VerifiedReader, digest_bytes, hex_of
from cais.errors import InvalidImage, NoSpace, NotFoundError, Problem

if TYPE_CHECKING:
    from cais.images.tarread import ByteSource

LAYOUT_FILE = "oci-layout"
LAYOUT_CONTENT = b'{"imageLayoutVersion":"1.0.0"}'
INDEX_FILE = "index.json"


class Blobs:
    """Content by digest. A blob that is there is whole: it was written, synced and renamed."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._blobs = os.path.join(folder, "blobs")
        self._incoming = os.path.join(folder, "incoming")

    def path(self, digest: Digest) -> str:
        """Where the blob is, if it is."""
        return os.path.join(self._blobs, digest.partition(":")[0], hex_of(digest))

    def incoming_path(self, digest: Digest) -> str:
        """Where the blob is while it is being received (see `incoming`)."""
        return os.path.join(self._incoming, digest.replace(":", "-"))

    def take_over(self, path: str, digest: Digest) -> None:
        """Make the file at `path`, synced and verified, the blob."""
        self._ensure(digest)
        os.chmod(path, 0o644)
        os.rename(path, self.path(digest))
        durable.sync_folder(os.path.dirname(self.path(digest)))

    def check_room(self, size_bytes: int) -> None:
        """Raises NoSpace when so many bytes are more than is free on the store's disk."""
        os.makedirs(self._folder, exist_ok=True)
        free = durable.free_bytes(self._folder)
        if size_bytes > free:
            raise NoSpace(
                f"no space left for the image: it needs {size_bytes >> 20} MiB, and {free >> 20} MiB are free",
                hint="free some: cais image prune",
            )

    def has(self, digest: Digest) -> bool:
        """Whether the blob is there."""
        return os.path.exists(self.path(digest))

    def read(self, digest: Digest) -> bytes:
        """A small blob. Raises NotFoundError; InvalidImage when the disk gives other bytes than were stored."""
        try:
            with open(self.path(digest), "rb") as stream:
                data = stream.read()
        except FileNotFoundError:
            raise NotFoundError(f'blob "{digest}" is not in the store') from None
        if digest_bytes(data) != digest:
            raise InvalidImage([Problem(f'blob "{digest}" is damaged', hint="remove the image and get it again")])
        return data

    def open(self, digest: Digest) -> BinaryIO:
        """A blob as a stream. Raises NotFoundError."""
        try:
            return open(self.path(digest), "rb")
        except FileNotFoundError:
            raise NotFoundError(f'blob "{digest}" is not in the store') from None

    def put(self, data: bytes) -> Digest:
        """Keep a small blob; its digest."""
        digest = digest_bytes(data)
        if not self.has(digest):
            self._ensure(digest)
            durable.write(self.path(digest), data)
        return digest

    @contextlib.contextmanager
    def adding(self, stream: ByteSource, digest: Digest, size: int | None) -> Iterator[ByteSource]:
        """`stream`, verified and copied into the store as it is read; kept when the block has read it to its end."""
        self._ensure(digest)
        path = self.path(digest)
        temporary = durable.temporary_name(os.path.dirname(path))
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            with os.fdopen(fd, "wb") as sink:
                copying = _Copying(VerifiedReader(stream, digest, size), sink)  # type: ignore[arg-type]
                yield copying
                if not copying.ended:
                    raise InvalidImage([Problem(f'blob "{digest}" was not read to its end')])
                sink.flush()
                os.fsync(sink.fileno())
            os.rename(temporary, path)
            durable.sync_folder(os.path.dirname(path))
        finally:
            with contextlib.suppress(FileNotFoundError):  # renamed into place
                os.unlink(temporary)

    def digests(self) -> list[Digest]:
        """Every blob."""
        found = []
        for algorithm in os.listdir(self._blobs) if os.path.isdir(self._blobs) else ():
            names = os.listdir(os.path.join(self._blobs, algorithm))
            found += [Digest(f"{algorithm}:{name}") for name in names if not name.startswith(".")]
        return found

    def remove(self, digest: Digest) -> int:
        """Remove a blob; the bytes that freed."""
        try:
            size = os.stat(self.path(digest)).st_size
            os.unlink(self.path(digest))
        except FileNotFoundError:
            return 0
        return size

    def sweep(self) -> None:
        """Remove what interrupted writes left. The caller holds the lease alone."""
        for algorithm in os.listdir(self._blobs) if os.path.isdir(self._blobs) else ():
            durable.sweep_temporaries(os.path.join(self._blobs, algorithm))
        durable.sweep_temporaries(self._folder)

    def sweep_incoming(self) -> int:
        """Remove what was received in part and nobody receives any more; the bytes that freed."""
        freed = 0
        for entry in os.scandir(self._incoming) if os.path.isdir(self._incoming) else ():
            fd = durable.try_lock(entry.path)
            if fd is not None:
                freed += entry.stat().st_size
                os.unlink(entry.path)
                os.close(fd)
        return freed

    def write_index(self, index: bytes) -> None:
        """Replace index.json. Not synced: the rows are the truth, and whatever changes them writes it anew."""
        os.makedirs(self._folder, exist_ok=True)
        layout = os.path.join(self._folder, LAYOUT_FILE)
        if not os.path.exists(layout):
            durable.write(layout, LAYOUT_CONTENT, sync=False)
        durable.write(os.path.join(self._folder, INDEX_FILE), index, sync=False)

    def lock(self) -> contextlib.AbstractContextManager[int]:
        """Held while rows are read and the index written from them, so that the last index tells the last rows."""
        os.makedirs(self._folder, exist_ok=True)
        return durable.locked(os.path.join(self._folder, ".lock"))

    def _ensure(self, digest: Digest) -> None:
        os.makedirs(os.path.dirname(self.path(digest)), exist_ok=True)


class _Copying:
    def __init__(self, stream: VerifiedReader, sink: BinaryIO) -> None:
        self._stream = stream
        self._sink = sink
        self.ended = False

    def read(self, count: int) -> bytes:
        piece = self._stream.read(count)
        self.ended = not piece
        try:
            self._sink.write(piece)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise NoSpace("no space left for an image layer", hint="free some: cais image prune") from error
            raise
        return piece
