"""A folder as a source of files: a build context with its ignore file, or the root of a stage or an image.

Every path is relative to the folder, `/` between its parts, "" for the folder itself. Symbolic links are followed inside the folder only.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Sequence

import msgspec

from cais.build.filedigests import FileDigests
from cais.dockerfile.ignorefile import IgnoreMatcher
from cais.errors import BuildError

MAX_LINKS = 40  # linux/namei.h, MAXSYMLINKS
_CHUNK_BYTES = 1 << 20
_CARRIED_XATTRS = ("security.capability", "user.")


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One file, folder, link or fifo, as it was when it was looked at. `mode` has the type bits; `device` is what a device file stands for,
    `volume` the file system it lies on."""

    path: str
    mode: int
    uid: int
    gid: int
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int
    links: int
    volume: int = 0

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self.mode)


class Tree:
    """A folder's files. Each subfolder is read once, when it is first asked for; safe to use from several threads.

    The files of a context (`is_context`) belong to root, whoever owns them on this machine, and have no attributes. What `ignored`
    matches does not exist. `digests` remembers between builds.
    """

    def __init__(
        self,
        folder: str,
        *,
        is_context: bool = False,
        ignored: IgnoreMatcher | None = None,
        digests: FileDigests | None = None,
    ) -> None:
        self.folder = folder
        self.is_context = is_context
        self.ignored = ignored
        self._digests = digests
        self._children: dict[str, tuple[Entry, ...]] = {}
        self._lock = threading.RLock()

    def root(self) -> Entry:
        """The folder itself. Raises BuildError when it is not there."""
        try:
            status = os.stat(self.folder)
        except FileNotFoundError:
            raise BuildError(
                f'the folder "{self.folder}" does not exist', hint="correct the path of the build context"
            ) from None
        if not stat.S_ISDIR(status.st_mode):
            raise BuildError(f'"{self.folder}" is not a folder', hint="give a folder as the build context")
        return self._entry("", status)

    def children(self, path: str) -> tuple[Entry, ...]:
        """What is in folder `path`, sorted by name; sockets are no content."""
        with self._lock:
            found = self._children.get(path)
            if found is None:
                found = self._children[path] = tuple(self._read(path))
            return found

    def entry(self, path: str) -> Entry | None:
        """What is at `path`, links not followed; None when it is not there or ignored."""
        if not path:
            return self.root()
        parent, _, name = path.rpartition("/")
        if not self._may_hold(parent):
            return None
        return next((entry for entry in self.children(parent) if entry.name == name), None)

    def resolve(self, path: str) -> Entry | None:
        """What is at `path` when every link is followed; None when it is not there. Raises BuildError for a circle of links."""
        waiting = [part for part in reversed(path.split("/")) if part not in ("", ".")]
        done: list[str] = []
        links = 0
        while waiting:
            part = waiting.pop()
            if part == "..":
                del done[-1:]
                continue
            found = self.entry("/".join([*done, part]))
            if found is None:
                return None
            if not found.is_link:
                done.append(part)
                continue
            links += 1
            if links > MAX_LINKS:
                raise BuildError(f'the symbolic links at "{path}" lead in a circle')
            target = self.link_target(found)
            if target.startswith("/"):
                done = []
            waiting.extend(piece for piece in reversed(target.split("/")) if piece not in ("", "."))
        return self.entry("/".join(done))

    def host_path(self, entry: Entry) -> str:
        """Where it lies on this machine."""
        return os.path.join(self.folder, entry.path) if entry.path else self.folder

    def link_target(self, entry: Entry) -> str:
        """What a symbolic link holds."""
        return os.readlink(self.host_path(entry))

    def attributes(self, entry: Entry) -> dict[str, bytes]:
        """The extended attributes that belong to a file's content: none in a context."""
        if self.is_context or entry.is_link:
            return {}
        path = self.host_path(entry)
        names = [name for name in os.listxattr(path, follow_symlinks=False) if name.startswith(_CARRIED_XATTRS)]
        return {name: os.getxattr(path, name, follow_symlinks=False) for name in sorted(names)}

    def digest(self, entry: Entry) -> bytes:
        """The sha256 of a regular file's content. Raises BuildError when it cannot be read."""
        if self._digests is not None:
            known = self._digests.get(entry)
            if known is not None:
                return known
        digest = hash_file(self.host_path(entry))
        if self._digests is not None:
            self._digests.put(entry, digest)
        return digest

    def _may_hold(self, path: str) -> bool:
        """Whether `path` is a folder of this tree (its own folder always is)."""
        if not path or path in self._children:
            return True
        found = self.entry(path)
        return found is not None and found.is_folder

    def _read(self, path: str) -> list[Entry]:
        folder = os.path.join(self.folder, path) if path else self.folder
        prefix = path + "/" if path else ""
        try:
            with os.scandir(folder) as scan:
                found = sorted(scan, key=lambda one: one.name)
        except OSError as error:
            raise BuildError(f'cannot read the folder "{folder}": {error.strerror}') from error
        entries = []
        for one in found:
            name = prefix + one.name
            if self.ignored is not None and self.ignored.ignores(name) and not self._holds_exceptions(one, name):
                continue
            try:
                status = one.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # removed since the folder was read
            if not stat.S_ISSOCK(status.st_mode):
                entries.append(self._entry(name, status))
        return entries

    def _holds_exceptions(self, one: os.DirEntry[str], name: str) -> bool:
        """Whether an ignored folder is there all the same because a `!` pattern brings back something in it."""
        if self.ignored is None or not one.is_dir(follow_symlinks=False) or self.ignored.may_skip(name):
            return False
        return len(self.children(name)) > 0

    def _entry(self, path: str, status: os.stat_result) -> Entry:
        context = self.is_context
        return Entry(
            path,
            status.st_mode,
            0 if context else status.st_uid,
            0 if context else status.st_gid,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
            status.st_ino,
            status.st_rdev,
            status.st_nlink,
            status.st_dev,
        )


def hash_file(path: str) -> bytes:
    """The sha256 of a file's content. Raises BuildError when it cannot be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise BuildError(f'cannot read "{path}": {error.strerror}', hint="make it readable, or ignore it") from error
    hasher = hashlib.sha256()
    try:
        while chunk := os.read(fd, _CHUNK_BYTES):
            hasher.update(chunk)
    finally:
        os.close(fd)
    return hasher.digest()


def beneath(tree: Tree, entry: Entry) -> Sequence[Entry]:
    """Everything in a folder, at any depth, each folder before its content, sorted by name within a folder."""
    found: list[Entry] = []
    for child in tree.children(entry.path):
        found.append(child)
        if child.is_folder:
            found.extend(beneath(tree, child))
    return found
