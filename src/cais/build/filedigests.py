"""Digests of a context's files, remembered between builds: an unchanged file costs a stat.

A file is the same while its inode number, size, times of modification and of change are (the last cannot be set by a program). One small
file a context, read and written as a whole; to lose it costs reading the context again.
"""

from __future__ import annotations

import hashlib
import os
import threading
from typing import TYPE_CHECKING

import msgspec

from cais import durable
from cais.clock import Clock

if TYPE_CHECKING:
    from cais.build.tree import Entry

_VERSION = 1
# A file changed within the last tick of the file system's clock may change again without a trace in its times; it is not remembered.
_SETTLED_NS = 50_000_000
_SLACK = 20_000


class _Saved(msgspec.Struct, frozen=True, array_like=True):
    version: int
    # inode: size, mtime_ns, ctime_ns, digest
    files: dict[int, tuple[int, int, int, bytes]]


class FileDigests:
    """The digests of one context. `folder` is where such files are kept."""

    def __init__(self, folder: str, context: str, clock: Clock) -> None:
        self._path = os.path.join(folder, hashlib.sha256(os.fsencode(context)).hexdigest()[:32])
        self._clock = clock
        self._files: dict[int, tuple[int, int, int, bytes]] | None = None
        self._used: set[int] = set()
        self._changed = False
        self._lock = threading.Lock()

    def get(self, entry: Entry) -> bytes | None:
        """The digest of a file that has not changed since it was put; None otherwise."""
        files = self._load() if self._files is None else self._files
        self._used.add(entry.inode)
        known = files.get(entry.inode)
        if known is None or known[:3] != (entry.size, entry.mtime_ns, entry.ctime_ns):
            return None
        return known[3]

    def put(self, entry: Entry, digest: bytes) -> None:
        """Remember a digest, unless the file was changed a moment ago."""
        if self._clock.now() * 1e9 - max(entry.ctime_ns, entry.mtime_ns) < _SETTLED_NS:
            return
        with self._lock:
            self._load()[entry.inode] = (entry.size, entry.mtime_ns, entry.ctime_ns, digest)
            self._changed = True

    def save(self) -> None:
        """Write what was learned. Another build's findings may be lost by it, which costs that one a reading."""
        with self._lock:
            if not self._changed or self._files is None:
                return
            files = self._files
            if len(files) > 2 * len(self._used) + _SLACK:
                files = {inode: known for inode, known in files.items() if inode in self._used}
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            durable.write(self._path, msgspec.msgpack.encode(_Saved(_VERSION, files)), mode=0o600, sync=False)
            self._changed = False

    def _load(self) -> dict[int, tuple[int, int, int, bytes]]:
        if self._files is None:
            self._files = self._read()
        return self._files

    def _read(self) -> dict[int, tuple[int, int, int, bytes]]:
        try:
            with open(self._path, "rb") as stream:
                saved = msgspec.msgpack.decode(stream.read(), type=_Saved)
        except FileNotFoundError:
            return {}
        except msgspec.MsgspecError:
            return {}  # half written at a power cut, or by another version: a cache, made again
        return saved.files if saved.version == _VERSION else {}
