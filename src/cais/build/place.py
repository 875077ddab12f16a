"""Puts selected files into a root file system, as BuildKit's copy does. No symbolic link of the root leads out of it.

Nobody else may change the root meanwhile.
"""

from __future__ import annotations

import os
import posixpath
import shutil
import stat
from collections.abc import Sequence

import msgspec

from cais.build.permissions import apply_mode
from cais.build.reuse import Ledger
from cais.build.select import Item, Match
from cais.build.translate import explain
from cais.build.tree import Entry, Tree
from cais.errors import BuildError, Span
from cais.linux.rootpath import host_path

FOLDER_MODE = 0o755
_CHUNK_BYTES = 1 << 20


class Owner(msgspec.Struct, frozen=True):
    """Numbers, as the root's /etc/passwd and /etc/group give them."""

    uid: int
    gid: int


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """Where files go, and what is changed on the way.

    `destination` is absolute in `root`; a slash at its end says that it is a folder. Without `owner` and `mode` the files keep theirs.
    Times before `epoch_s` become it: what is dated later is clamped when the layer becomes a tar, so both together leave one instant.
    With `replace` a folder takes the place of a file and the other way round, as when an archive is unpacked; else that is an error.
    A `ledger` knows which files of a folder an earlier copy has put there.
    """

    root: str
    destination: str
    span: Span
    epoch_s: int
    owner: Owner | None = None
    mode: str = ""
    replace: bool = False
    ledger: Ledger | None = None


def place(tree: Tree, matches: Sequence[Match], placement: Placement) -> None:
    """Copy `matches` of `tree`. Raises BuildError where a file stands in a folder's place or the other way round."""
    placer = _Placer(tree, placement)
    for match in matches:
        placer.add(match)


def make_folders(root: str, path: str, owner: Owner | None) -> str:
    """The host path of folder `path` of `root`; what is missing of it is made, 0755 and `owner`'s (root's). Raises OSError."""
    target = host_path(root, path)
    missing = []
    while not os.path.isdir(target):
        missing.append(target)
        target = os.path.dirname(target)
    for folder in reversed(missing):
        os.mkdir(folder)
        os.chmod(folder, FOLDER_MODE)  # whatever the umask
        os.chown(folder, owner.uid if owner else 0, owner.gid if owner else 0)
    return host_path(root, path)


class _Placer:
    def __init__(self, tree: Tree, placement: Placement) -> None:
        self._tree = tree
        self._to = placement
        self._linked: dict[tuple[int, int], str] = {}

    def add(self, match: Match) -> None:
        self._linked.clear()  # links are kept within a match, not between two
        try:
            self._add(match)
        except OSError as error:
            where = (error.filename or "").removeprefix(self._to.root)
            raise explain(error, f'cannot copy to "{where}"', self._to.span) from error

    def _add(self, match: Match) -> None:
        destination = self._to.destination
        folder = destination if destination.endswith("/") or match.parents else posixpath.dirname(destination)
        make_folders(self._to.root, folder, self._to.owner)
        target = host_path(self._to.root, destination)
        if match.parents:
            for item in match.wrapped:
                self._one(item.entry, os.path.join(target, item.target))
            target = os.path.join(target, match.name)
        elif not match.entry.is_folder:
            target = os.path.join(target, match.name) if os.path.isdir(target) else target
        elif not os.path.lexists(target):
            make_folders(self._to.root, destination, self._to.owner)
        if match.entry.is_folder:
            self._folder(match.items, target, keep_top=not match.parents)
        else:
            self._one(match.entry, target)

    def _folder(self, items: Sequence[Item], target: str, *, keep_top: bool) -> None:
        folders: list[tuple[Entry, str]] = []
        ledger = self._to.ledger
        if ledger is not None:
            ledger.clear(items, self._to.root, target)
        for item in items:
            is_made = bool(item.target) or not keep_top
            if is_made and ledger is not None and ledger.keeps(item):
                continue
            path = os.path.join(target, item.target) if item.target else target
            if is_made:
                self._one(item.entry, path)
            elif not os.path.isdir(path):
                raise self._in_the_way(path, is_folder=True)
            if item.entry.is_folder and item.target:
                folders.append((item.entry, path))
        for entry, path in reversed(folders):  # what was put into a folder has changed its time
            os.utime(path, ns=self._times(entry))

    def _one(self, entry: Entry, path: str) -> None:
        """Make one entry at `path`, whose parent is there."""
        kind = stat.S_IFMT(entry.mode)
        if kind == stat.S_IFDIR:
            self._make_folder(path)
        else:
            self._clear(path)
            if kind == stat.S_IFREG:
                if self._same_as_before(entry, path):
                    return
                self._copy_content(entry, path)
            elif kind == stat.S_IFLNK:
                os.symlink(self._tree.link_target(entry), path)
            else:
                os.mknod(path, entry.mode, entry.device)
        self._finish(entry, path)

    def _finish(self, entry: Entry, path: str) -> None:
        owner = self._to.owner or Owner(entry.uid, entry.gid)
        os.chown(path, owner.uid, owner.gid, follow_symlinks=False)
        if not entry.is_link:
            mode = apply_mode(self._to.mode, entry.mode) if self._to.mode else stat.S_IMODE(entry.mode)
            os.chmod(path, mode)
            for name, value in self._tree.attributes(entry).items():
                os.setxattr(path, name, value, follow_symlinks=False)
        os.utime(path, ns=self._times(entry), follow_symlinks=False)

    def _times(self, entry: Entry) -> tuple[int, int]:
        moment = max(entry.mtime_ns, self._to.epoch_s * 1_000_000_000)
        return moment, moment

    def _make_folder(self, path: str) -> None:
        try:
            os.mkdir(path)
        except FileExistsError:
            if stat.S_ISDIR(os.lstat(path).st_mode):
                return
            if not self._to.replace:
                raise self._in_the_way(path, is_folder=True) from None
            os.unlink(path)
            os.mkdir(path)

    def _clear(self, path: str) -> None:
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(status.st_mode):
            os.unlink(path)
        elif self._to.replace:
            shutil.rmtree(path)
        else:
            raise self._in_the_way(path, is_folder=False)

    def _same_as_before(self, entry: Entry, path: str) -> bool:
        """Keep the hard links among the files of a match."""
        if entry.links < 2:
            return False
        first = self._linked.setdefault((entry.volume, entry.inode), path)
        if first == path:
            return False
        os.link(first, path, follow_symlinks=False)
        return True

    def _copy_content(self, entry: Entry, path: str) -> None:
        source = os.open(self._tree.host_path(entry), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            status = os.fstat(source)
            if (status.st_size, status.st_mtime_ns, status.st_ino) != (entry.size, entry.mtime_ns, entry.inode):
                raise BuildError(
                    f'"{entry.path}" changed while the build read it', span=self._to.span, hint="build again"
                )
            target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                while chunk := os.read(source, _CHUNK_BYTES):
                    _write_all(target, chunk)
            finally:
                os.close(target)
        finally:
            os.close(source)

    def _in_the_way(self, path: str, *, is_folder: bool) -> BuildError:
        shown = path.removeprefix(self._to.root)
        if is_folder:
            return BuildError(
                f'cannot copy a folder to "{shown}": a file or a symbolic link is there',
                span=self._to.span,
                hint="copy to the place the link leads to, or remove it before",
            )
        return BuildError(
            f'cannot copy a file to "{shown}": a folder is there',
            span=self._to.span,
            hint="copy to another name, or remove the folder before",
        )


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
