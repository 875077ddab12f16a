"""A layer folder in overlay form to the tar of its changes (OCI image layer specification), the same bytes on every machine.

Sorted entries, whole seconds, numeric owners, no host names. Only `security.capability` and `user.*` attributes are carried, as Docker
does: the rest (`security.selinux`, `trusted.overlay.*`) belongs to the host. Sockets are left out, for tar has none.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence

from cais.digest import Digest
from cais.errors import InvalidImage, Problem
from cais.images import tarwrite
from cais.linux.overlay import OPAQUE_XATTR

WHITEOUT_PREFIX = b".wh."
OPAQUE_NAME = b".wh..wh..opq"
_CHUNK_BYTES = 1 << 20
_CARRIED_XATTRS = ("security.capability", "user.")
_OVERLAY_XATTRS = "user.overlay."  # an overlay mounted by a user keeps its marks here


def layer_tar(folder: str, *, lowers: Sequence[str] = (), epoch_s: int | None = None) -> Iterator[bytes]:
    """The tar of layer `folder`, in pieces of about a megabyte. Times above `epoch_s` become it.

    `lowers` are the layer folders below it: the kernel marks nearly every new folder opaque, which only says something where
    a lower layer has that path. Raises InvalidImage for content that a layer cannot express.
    """
    return _gather(_LayerWriter(os.fsencode(folder), [os.fsencode(lower) for lower in lowers], epoch_s).entries())


def digest_layer(folder: str, *, lowers: Sequence[str] = (), epoch_s: int | None = None) -> tuple[Digest, int]:
    """The diff ID of layer `folder` and the size of its tar in bytes."""
    import hashlib

    hasher = hashlib.sha256()
    size = 0
    for piece in layer_tar(folder, lowers=lowers, epoch_s=epoch_s):
        hasher.update(piece)
        size += len(piece)
    return Digest("sha256:" + hasher.hexdigest()), size


def _gather(pieces: Iterable[bytes]) -> Iterator[bytes]:
    # Thousands of small headers and files become few large pieces: a hash or a write costs a call each.
    small: list[bytes] = []
    held = 0
    for piece in pieces:
        small.append(piece)
        held += len(piece)
        if held >= _CHUNK_BYTES:
            yield b"".join(small)
            small.clear()
            held = 0
    yield b"".join([*small, tarwrite.END])


class _LayerWriter:
    """One walk over a layer folder."""

    def __init__(self, root: bytes, lowers: Sequence[bytes], epoch_s: int | None) -> None:
        self._root = root
        self._lowers = lowers
        self._epoch_s = epoch_s
        self._links: dict[tuple[int, int], bytes] = {}

    def entries(self) -> Iterator[bytes]:
        status = os.lstat(self._root)
        if (status.st_mode & 0o7777, status.st_uid, status.st_gid) != (0o755, 0, 0):
            yield self._header(b"./", tarwrite.FOLDER, status)
        yield from self._folder(self._root, b"")

    def _folder(self, path: bytes, prefix: bytes) -> Iterator[bytes]:
        with os.scandir(path) as scan:
            found = sorted(scan, key=lambda entry: entry.name)
        for entry in found:
            name = prefix + entry.name
            if entry.name.startswith(WHITEOUT_PREFIX):
                raise InvalidImage(
                    [Problem(f'"{os.fsdecode(name)}" cannot be in a layer: names that begin with ".wh." mark removals')]
                )
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                yield self._header(name + b"/", tarwrite.FOLDER, status, entry.path)
                if self._is_opaque(entry.path, name):
                    yield tarwrite.header(name + b"/" + OPAQUE_NAME, tarwrite.REGULAR, mode=0)
                yield from self._folder(entry.path, name + b"/")
            elif stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
                yield tarwrite.header(prefix + WHITEOUT_PREFIX + entry.name, tarwrite.REGULAR, mode=0)
            else:
                yield from self._leaf(entry.path, name, status)

    def _leaf(self, path: bytes, name: bytes, status: os.stat_result) -> Iterator[bytes]:
        mode = status.st_mode
        if stat.S_ISSOCK(mode):
            return
        if status.st_nlink > 1:
            first = self._links.setdefault((status.st_dev, status.st_ino), name)
            if first is not name:
                yield self._header(name, tarwrite.HARD_LINK, status, link=first)
                return
        if stat.S_ISREG(mode):
            yield self._header(name, tarwrite.REGULAR, status, path, size=status.st_size)
            if status.st_size:
                yield from _content(path, status.st_size)
        elif stat.S_ISLNK(mode):
            yield self._header(name, tarwrite.SYMBOLIC_LINK, status, link=os.readlink(path))
        elif stat.S_ISFIFO(mode):
            yield self._header(name, tarwrite.FIFO, status)
        else:
            kind = tarwrite.CHARACTER if stat.S_ISCHR(mode) else tarwrite.BLOCK_DEVICE
            device = (os.major(status.st_rdev), os.minor(status.st_rdev))
            yield self._header(name, kind, status, device=device)

    def _header(
        self,
        name: bytes,
        kind: bytes,
        status: os.stat_result,
        path: bytes | None = None,
        *,
        size: int = 0,
        link: bytes = b"",
        device: tuple[int, int] = (0, 0),
    ) -> bytes:
        mtime = max(0, status.st_mtime_ns // 1_000_000_000)
        return tarwrite.header(
            name,
            kind,
            mode=status.st_mode & 0o7777,
            uid=status.st_uid,
            gid=status.st_gid,
            size=size,
            mtime=mtime if self._epoch_s is None else min(mtime, self._epoch_s),
            link=link,
            device=device,
            xattrs=_carried_xattrs(path) if path is not None else None,
        )

    def _is_opaque(self, path: bytes, name: bytes) -> bool:
        if OPAQUE_XATTR not in os.listxattr(path, follow_symlinks=False):
            return False
        if os.getxattr(path, OPAQUE_XATTR, follow_symlinks=False) != b"y":
            return False
        return any(os.path.lexists(os.path.join(lower, name)) for lower in self._lowers)


def is_carried(name: str) -> bool:
    """Whether an extended attribute is part of a layer."""
    return name.startswith(_CARRIED_XATTRS) and not name.startswith(_OVERLAY_XATTRS)


def _carried_xattrs(path: bytes) -> dict[str, bytes] | None:
    names = os.listxattr(path, follow_symlinks=False)
    if not names:
        return None
    carried = [name for name in names if is_carried(name)]
    return {name: os.getxattr(path, name, follow_symlinks=False) for name in carried}


def _content(path: bytes, size: int) -> Iterator[bytes]:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        left = size
        while left:
            piece = os.read(fd, min(left, _CHUNK_BYTES))
            if not piece:
                raise InvalidImage([Problem(f'"{os.fsdecode(path)}" became shorter while it was read')])
            left -= len(piece)
            yield piece
    finally:
        os.close(fd)
    yield tarwrite.padding(size)
