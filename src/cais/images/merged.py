"""The root file system that a stack of layer folders shows, without a mount: what overlayfs would give, as a tree (kernel, filesystems/overlayfs.rst)."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence

from cais.images.layer import carried_xattrs
from cais.linux.overlay import is_opaque


class Entry:
    """A file, folder or link. `source` is where its content lies; `children` by name, of folders only."""

    __slots__ = ("children", "source", "status")

    def __init__(self, source: bytes, status: os.stat_result) -> None:
        self.source = source
        self.status = status
        self.children: dict[bytes, Entry] | None = {} if stat.S_ISDIR(status.st_mode) else None

    @property
    def kind(self) -> str:
        """What it is, in a word."""
        return _KINDS.get(stat.S_IFMT(self.status.st_mode), "unknown")

    def link(self) -> bytes:
        """Where a symbolic link leads."""
        return os.readlink(self.source)

    def xattrs(self) -> dict[str, bytes]:
        """The extended attributes that belong to an image."""
        return carried_xattrs(self.source)

    def walk(self, path: bytes) -> Iterator[tuple[bytes, Entry]]:
        """Itself, called `path`, and everything below, sorted."""
        yield path, self
        for name in sorted(self.children or ()):
            yield from (self.children or {})[name].walk(path + b"/" + name)


_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


def merged(folders: Sequence[str]) -> Entry | None:
    """The tree that `folders` show, bottom first; None for none."""
    root: Entry | None = None
    for folder in folders:
        path = os.fsencode(folder)
        above = Entry(path, os.lstat(path))
        if root is not None:
            above.children = root.children
        root = above
        _lay(root, path)
    return root


def _lay(below: Entry, path: bytes) -> None:
    """Lay the content of the folder `path` of an upper layer over what is below."""
    assert below.children is not None
    with os.scandir(path) as scan:
        for found in scan:
            status = found.stat(follow_symlinks=False)
            if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
                below.children.pop(found.name, None)
                continue
            entry = Entry(found.path, status)
            known = below.children.get(found.name)
            if entry.children is not None:
                if known is not None and known.children is not None and not is_opaque(found.path):
                    entry.children = known.children
                _lay(entry, found.path)
            below.children[found.name] = entry
