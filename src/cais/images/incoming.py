"""A blob on its way into the store: one thread writes it, another reads along. What is there when it breaks off is there for the next try.

store/incoming/ALGORITHM-HEX    received so far; its receiver holds an flock on it
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import threading
from collections.abc import Iterator

from cais.digest import Digest
from cais.errors import InvalidImage, NoSpace, Problem
from cais.images.blobs import Blobs

_READ_BYTES = 1 << 20


class IncomingBlob:
    """Written with `receiving` and `write`, read along by any number of `follow`ers, who see its end only when it proved to be what was announced."""

    def __init__(self, blobs: Blobs, digest: Digest, size: int) -> None:
        self._blobs = blobs
        self._digest = digest
        self._size = size
        self._changed = threading.Condition()
        self._fd = -1
        self._reader = -1
        self._hasher = hashlib.new(digest.partition(":")[0])
        self._readable = 0
        self._ended = False
        self._failure: BaseException | None = None
        self.offset = 0
        """How much has been received, in bytes."""
        self.was_begun = False
        """Whether an earlier try left something."""

    @contextlib.contextmanager
    def receiving(self) -> Iterator[bool]:
        """Whether the blob has to be received: not if it is there already, or was received by somebody else while this waited for them.

        The file and its lock are let go of at the end; followers are told of a failure by `fail`.
        """
        if self._use_present():
            yield False
            return
        path = self._blobs.incoming_path(self._digest)
        fd = _own(path)
        try:
            if self._use_present():
                os.unlink(path)
                yield False
                return
            self._begin(fd)
            yield True
            self.check()
            self._finish(path)
        finally:
            os.close(fd)

    def write(self, piece: bytes) -> None:
        """Take the next piece. Raises InvalidImage when there are more bytes than announced, NoSpace."""
        if self.offset + len(piece) > self._size:
            raise InvalidImage([Problem(f"content of {self._digest} is longer than the {self._size} bytes declared")])
        try:
            _write_at(self._fd, piece, self.offset)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise NoSpace("no space left for an image layer", hint="free some: cais image prune") from error
            raise
        self._hasher.update(piece)
        self.offset += len(piece)
        if self.was_begun:
            return  # nobody has verified what an earlier try left: it is shown when all of it is
        with self._changed:
            self._readable = max(self._readable, self.offset)
            self._changed.notify_all()

    def restart(self) -> None:
        """Receive it from the beginning. Followers go on: the same bytes come again, or the digest will be wrong."""
        self.offset = 0
        self.was_begun = False
        self._hasher = hashlib.new(self._digest.partition(":")[0])

    def check(self) -> None:
        """Raises InvalidImage unless what was received is what was announced."""
        if self.offset != self._size:
            raise InvalidImage([Problem(f"content of {self._digest} ends after {self.offset} of {self._size} bytes")])
        found = f"{self._digest.partition(':')[0]}:{self._hasher.hexdigest()}"
        if found != self._digest:
            os.ftruncate(self._fd, 0)  # of no use to a next try
            raise InvalidImage([Problem(f"content has digest {found}, not {self._digest}")])

    def fail(self, error: BaseException) -> None:
        """Tell the followers that there will be no more."""
        with self._changed:
            self._failure = error
            self._changed.notify_all()

    @contextlib.contextmanager
    def follow(self) -> Iterator[Follower]:
        """The content from its beginning, as it comes. Reading raises what `fail` was told."""
        yield Follower(self)

    def read_at(self, position: int, count: int) -> bytes:
        """Some bytes from `position`, waited for; b"" at the end of the whole, verified blob."""
        with self._changed:
            while position >= self._readable and not self._ended:
                if self._failure is not None:
                    raise self._failure
                self._changed.wait()
            available = self._readable - position
        return os.pread(self._reader, min(count, available), position) if available > 0 else b""

    def close(self) -> None:
        """Let the followers' file go."""
        if self._reader >= 0:
            os.close(self._reader)
            self._reader = -1

    def _use_present(self) -> bool:
        if not self._blobs.has(self._digest):
            return False
        self._reader = os.open(self._blobs.path(self._digest), os.O_RDONLY | os.O_CLOEXEC)
        size = os.fstat(self._reader).st_size
        with self._changed:
            self.offset = self._readable = size
            self._ended = True
            self._changed.notify_all()
        return True

    def _begin(self, fd: int) -> None:
        self._fd = fd
        self._reader = os.dup(fd)
        size = os.fstat(fd).st_size
        if size > self._size:
            os.ftruncate(fd, 0)
            size = 0
        while self.offset < size:
            piece = os.pread(fd, _READ_BYTES, self.offset)
            self._hasher.update(piece)
            self.offset += len(piece)
        self.was_begun = size > 0

    def _finish(self, path: str) -> None:
        os.fsync(self._fd)
        self._blobs.take_over(path, self._digest)
        with self._changed:
            self._readable = self._size
            self._ended = True
            self._changed.notify_all()


class Follower:
    """Reads along."""

    def __init__(self, blob: IncomingBlob) -> None:
        self._blob = blob
        self._position = 0

    def read(self, count: int) -> bytes:
        """At most `count` bytes; b"" at the end of the verified blob."""
        piece = self._blob.read_at(self._position, count)
        self._position += len(piece)
        return piece


def _own(path: str) -> int:
    """The file, opened and locked; waits for whoever receives it, and opens it again if they have moved it away."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):  # moved into the store
            if os.path.samestat(os.fstat(fd), os.stat(path)):
                return fd
        os.close(fd)


def _write_at(fd: int, piece: bytes, offset: int) -> None:
    view = memoryview(piece)
    while view:
        written = os.pwrite(fd, view, offset)
        view, offset = view[written:], offset + written
