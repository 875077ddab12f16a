"""A layer folder in overlay form to the tar of its changes (OCI image layer specification), the same bytes on every machine.

Sorted entries, whole seconds, numeric owners, no host names. Only `security.capability` and `user.*` attributes are carried, as Docker
does: the rest (`security.selinux`, `trusted.overlay.*`) belongs to the host. Sockets are left out, for tar has none.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence

from cais.digest import Digest
from cais.errors import InvalidImage, Problem
from cais.images import tarwrite
from cais.linux import xattr
from cais.linux.overlay import is_opaque

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
        self._folders: dict[bytes, bool] = {}

    def entries(self) -> Iterator[bytes]:
        status = os.lstat(self._root)
        if (status.st_mode & 0o7777, status.st_uid, status.st_gid) != (0o755, 0, 0):
            yield self._header(b"./", tarwrite.FOLDER, status)
        # One generator with a stack of its own: pieces that pass through one for each folder cost as much as the reading.
        waiting = [(b"", iter(_sorted(self._root)))]
        while waiting:
            prefix, found = waiting[-1]
            entry = next(found, None)
            if entry is None:
                waiting.pop()
                continue
            name = prefix + entry.name
            if entry.name.startswith(WHITEOUT_PREFIX):
                raise InvalidImage(
                    [Problem(f'"{os.fsdecode(name)}" cannot be in a layer: names that begin with ".wh." mark removals')]
                )
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                yield self._header(name + b"/", tarwrite.FOLDER, status, carried_xattrs(entry.path))
                if self._is_opaque(entry.path, name):
                    yield tarwrite.header(name + b"/" + OPAQUE_NAME, tarwrite.REGULAR, mode=0)
                waiting.append((name + b"/", iter(_sorted(entry.path))))
            elif stat.S_ISREG(status.st_mode) and not self._is_another_name(name, status):
                yield from self._file(entry.path, name, status)
            elif stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
                yield tarwrite.header(prefix + WHITEOUT_PREFIX + entry.name, tarwrite.REGULAR, mode=0)
            elif not stat.S_ISSOCK(status.st_mode):
                yield self._without_content(entry.path, name, status)

    def _is_another_name(self, name: bytes, status: os.stat_result) -> bool:
        """Whether the file has a name already that came before."""
        return status.st_nlink > 1 and self._links.setdefault((status.st_dev, status.st_ino), name) != name

    def _file(self, path: bytes, name: bytes, status: os.stat_result) -> Iterable[bytes]:
        """Header and content of a regular file: of a small one in one piece."""
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            size = status.st_size
            head = self._header(name, tarwrite.REGULAR, status, carried_xattrs(fd), size=size)
            if size > _CHUNK_BYTES:
                yield head
                yield from _content(fd, path, size)
            else:
                yield head + _whole(fd, path, size)
        finally:
            os.close(fd)

    def _without_content(self, path: bytes, name: bytes, status: os.stat_result) -> bytes:
        mode = status.st_mode
        if self._is_another_name(name, status):
            return self._header(name, tarwrite.HARD_LINK, status, link=self._links[status.st_dev, status.st_ino])
        if stat.S_ISLNK(mode):
            return self._header(name, tarwrite.SYMBOLIC_LINK, status, link=os.readlink(path))
        if stat.S_ISFIFO(mode):
            return self._header(name, tarwrite.FIFO, status)
        kind = tarwrite.CHARACTER if stat.S_ISCHR(mode) else tarwrite.BLOCK_DEVICE
        device = (os.major(status.st_rdev), os.minor(status.st_rdev))
        return self._header(name, kind, status, device=device)

    def _header(
        self,
        name: bytes,
        kind: bytes,
        status: os.stat_result,
        xattrs: Mapping[str, bytes] | None = None,
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
            xattrs=xattrs,
        )

    def _is_opaque(self, path: bytes, name: bytes) -> bool:
        return is_opaque(path) and any(self._has(lower, name) for lower in self._lowers)

    def _has(self, lower: bytes, name: bytes) -> bool:
        """Whether a layer below has something at `name`. Its links are not followed: they could lead out of it."""
        end = name.find(b"/")
        while end >= 0:
            if not self._is_folder(os.path.join(lower, name[:end])):
                return False
            end = name.find(b"/", end + 1)
        return os.path.lexists(os.path.join(lower, name))

    def _is_folder(self, path: bytes) -> bool:
        known = self._folders.get(path)
        if known is None:
            try:
                known = stat.S_ISDIR(os.lstat(path).st_mode)
            except FileNotFoundError:
                known = False
            self._folders[path] = known
        return known


def is_carried(name: str) -> bool:
    """Whether an extended attribute is part of a layer."""
    return name.startswith(_CARRIED_XATTRS) and not name.startswith(_OVERLAY_XATTRS)


def _sorted(folder: bytes) -> list[os.DirEntry[bytes]]:
    with os.scandir(folder) as scan:
        return sorted(scan, key=lambda entry: entry.name)


def carried_xattrs(target: xattr.Target) -> dict[str, bytes]:
    """The extended attributes of a file (never of what a link leads to) that are part of a layer."""
    names = [name for name in xattr.names(target) if is_carried(name)]
    return {name: value for name in names if (value := xattr.get(target, name)) is not None}


def _whole(fd: int, path: bytes, size: int) -> bytes:
    """The same as `_content` in one piece, which one call reads."""
    data = os.read(fd, size)
    if len(data) == size:
        return data + tarwrite.padding(size)
    os.lseek(fd, 0, os.SEEK_SET)
    return b"".join(_content(fd, path, size))


def _content(fd: int, path: bytes, size: int) -> Iterator[bytes]:
    """`size` bytes and what fills their last block."""
    left = size
    while left:
        piece = os.read(fd, min(left, _CHUNK_BYTES))
        if not piece:
            raise InvalidImage([Problem(f'"{os.fsdecode(path)}" became shorter while it was read')])
        left -= len(piece)
        yield piece
    yield tarwrite.padding(size)
