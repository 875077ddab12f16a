"""A layer's tar to a folder in overlay form, read as hostile input (OCI image layer specification, "Applying Changesets").

Every call names an entry by its last component, relative to the descriptor of its parent, and that descriptor was reached component by
component without following a symbolic link: nothing an archive says can lead out of the folder. Whiteouts become 0/0 devices and opaque
folders get their attribute, so the folder stacks on its parents as it is.

Device nodes are refused; those under `dev/`, which every runtime mounts over, are left out.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Sequence

from cais.errors import CaisError, HostError, InvalidImage, NoSpace, PermissionNeeded, Problem, printable
from cais.images import tarwrite
from cais.images.layer import OPAQUE_NAME, WHITEOUT_PREFIX, is_carried
from cais.images.limits import DEFAULT_LIMITS, Limits
from cais.images.tarread import ByteSource, Member, TarReader
from cais.linux.overlay import OPAQUE_XATTR

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# More than two paths of the greatest depth have folders, so that opening the second never closes the first's.
_OPEN_FOLDERS = 2 * DEFAULT_LIMITS.depth + 44
_DEVICES = (tarwrite.CHARACTER, tarwrite.BLOCK_DEVICE)

Path = tuple[bytes, ...]


def unpack(stream: ByteSource, folder: str, *, lowers: Sequence[str] = (), limits: Limits = DEFAULT_LIMITS) -> None:
    """Unpack the (plain) tar `stream` into the empty `folder`; `lowers` are the layer folders below it, bottom first.

    Raises InvalidImage naming the entry, NoSpace, HostError. What was unpacked until then is the caller's to throw away.
    """
    reader = TarReader(stream, limits)
    with contextlib.closing(_Unpacker(folder, lowers, limits)) as unpacker:
        for member in reader:
            try:
                unpacker.add(member, reader)
            except OSError as error:
                raise _explain(error, member) from error
        unpacker.finish()


class _Unpacker:
    """One layer being unpacked."""

    def __init__(self, folder: str, lowers: Sequence[str], limits: Limits) -> None:
        self._limits = limits
        self._lowers = [os.fsencode(lower) for lower in reversed(lowers)]
        self._root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._fds: dict[Path, int] = {}
        self._times: dict[Path, int] = {}
        self._entries = 0
        self._bytes = 0

    def close(self) -> None:
        self._forget(())
        os.close(self._root)

    def add(self, member: Member, content: TarReader) -> None:
        """Unpack one member."""
        self._count(member)
        path = _clean(member.name, self._limits)
        if not path:
            self._set_root(member)
        elif path[-1] == OPAQUE_NAME:
            os.setxattr(self._open(path[:-1]), OPAQUE_XATTR, b"y")
        elif path[-1].startswith(WHITEOUT_PREFIX):
            if member.kind == tarwrite.FOLDER:
                raise _refuse(member, "is a folder whose name marks a removal")
            self._whiteout(path[:-1], path[-1].removeprefix(WHITEOUT_PREFIX), member)
        elif member.kind in _DEVICES:
            if path[0] != b"dev":
                raise _refuse(member, "is a device node")
        else:
            self._entry(path, member, content)

    def finish(self) -> None:
        """Set the folders' times, which unpacking into them has changed."""
        for path, mtime in self._times.items():
            fd = self._find(path)
            if fd is not None:  # else something else stands there now
                os.utime(fd, (mtime, mtime))

    def _count(self, member: Member) -> None:
        self._entries += 1
        self._bytes += member.size
        if self._entries > self._limits.entries:
            raise _refuse(member, f"is one more than the {self._limits.entries} entries a layer may have")
        if self._bytes > self._limits.content_bytes:
            raise _refuse(member, f"exceeds the {self._limits.content_bytes} bytes a layer may unpack to")

    def _set_root(self, member: Member) -> None:
        if member.kind != tarwrite.FOLDER:
            raise _refuse(member, "would replace the root folder")
        self._set_folder((), member)

    def _entry(self, path: Path, member: Member, content: TarReader) -> None:
        parent, name = self._open(path[:-1]), path[-1]
        if member.kind == tarwrite.FOLDER:
            self._make_folder(path, parent)
            self._set_folder(path, member)
            return
        if member.kind == tarwrite.HARD_LINK:
            self._link(path, parent, member)
            return
        self._clear(path, parent)
        if member.kind == tarwrite.REGULAR:
            _write_file(parent, name, member, content)
            return
        if member.kind == tarwrite.SYMBOLIC_LINK:
            os.symlink(member.link, name, dir_fd=parent)
        else:
            os.mkfifo(name, 0o600, dir_fd=parent)
        os.chown(name, member.uid, member.gid, dir_fd=parent, follow_symlinks=False)
        if member.kind == tarwrite.FIFO:
            os.chmod(name, member.mode, dir_fd=parent)
        os.utime(name, (member.mtime, member.mtime), dir_fd=parent, follow_symlinks=False)

    def _link(self, path: Path, parent: int, member: Member) -> None:
        target = _clean(member.link, self._limits)
        if not target or target == path:
            raise _refuse(member, "is a hard link to itself or to the root")
        source = self._find(target[:-1])
        status = _status(target[-1], source) if source is not None else None
        if source is None or status is None or stat.S_ISDIR(status.st_mode) or _is_whiteout(status):
            raise _refuse(member, f'is a hard link to "{_shown(member.link)}", which is no file of this layer')
        self._clear(path, parent)
        os.link(target[-1], path[-1], src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)

    def _whiteout(self, folder: Path, name: bytes, member: Member) -> None:
        if name in (b"", b".", b"..") or name.startswith(WHITEOUT_PREFIX):
            raise _refuse(member, "is a whiteout of no name")
        parent = self._open(folder)
        status = _status(name, parent)
        if status is None:
            if self._lowers:  # at the bottom there is nothing to hide
                os.mknod(name, stat.S_IFCHR | 0o000, 0, dir_fd=parent)
        elif stat.S_ISDIR(status.st_mode):  # whiteouts speak of lower layers, whatever their place in the archive
            os.setxattr(self._open((*folder, name)), OPAQUE_XATTR, b"y")

    def _set_folder(self, path: Path, member: Member) -> None:
        fd = self._open(path)
        os.fchown(fd, member.uid, member.gid)
        os.fchmod(fd, member.mode)
        _set_xattrs(fd, member)
        self._times[path] = member.mtime

    def _make_folder(self, path: Path, parent: int) -> None:
        status = _status(path[-1], parent)
        if status is not None and stat.S_ISDIR(status.st_mode):
            return
        if status is not None:
            os.unlink(path[-1], dir_fd=parent)
        os.mkdir(path[-1], 0o755, dir_fd=parent)
        if status is not None and _is_whiteout(status):  # removed below, made anew here
            os.setxattr(self._open(path), OPAQUE_XATTR, b"y")

    def _open(self, path: Path) -> int:
        """The descriptor of a folder of this layer; one that no entry spoke of is made as the lower layers have it."""
        fd = self._find(path)
        if fd is not None:
            return fd
        parent = self._open(path[:-1])
        status = _status(path[-1], parent)
        if status is not None and not _is_whiteout(status):
            raise InvalidImage([Problem(f'"{_shown(b"/".join(path))}" is used as a folder, which it is not')])
        below = self._lower_status(path)
        self._make_folder(path, parent)
        fd = self._find(path)
        assert fd is not None
        if below is not None:
            os.fchown(fd, below.st_uid, below.st_gid)
            os.fchmod(fd, stat.S_IMODE(below.st_mode))
            self._times[path] = int(below.st_mtime)
        else:
            self._times[path] = 0
        return fd

    def _find(self, path: Path) -> int | None:
        """The descriptor of a folder that is there; kept open, for the next entry is probably in it."""
        if not path:
            return self._root
        if path in self._fds:
            fd = self._fds[path] = self._fds.pop(path)  # now the last to be closed
            return fd
        parent = self._find(path[:-1])
        if parent is None:
            return None
        try:
            fd = os.open(path[-1], _FOLDER_FLAGS, dir_fd=parent)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:
                return None
            raise
        if len(self._fds) >= _OPEN_FOLDERS:
            os.close(self._fds.pop(next(iter(self._fds))))
        self._fds[path] = fd
        return fd

    def _lower_status(self, path: Path) -> os.stat_result | None:
        for lower in self._lowers:
            try:
                status = os.lstat(os.path.join(lower, *path))
            except OSError:
                continue
            if stat.S_ISDIR(status.st_mode):
                return status
            if stat.S_ISLNK(status.st_mode):
                name = _shown(b"/".join(path))
                raise InvalidImage(
                    [Problem(f'"{name}" is used as a folder, but a lower layer has a symbolic link there')]
                )
            return None
        return None

    def _clear(self, path: Path, parent: int) -> None:
        """Remove what an earlier entry of the same name left."""
        status = _status(path[-1], parent)
        if status is None:
            return
        if not stat.S_ISDIR(status.st_mode):
            os.unlink(path[-1], dir_fd=parent)
            return
        import shutil

        self._forget(path)
        shutil.rmtree(path[-1], dir_fd=parent)

    def _forget(self, path: Path) -> None:
        # Their times stay: to look through all of them for each replaced folder would take hostile archives quadratic time.
        depth = len(path)
        for known in [known for known in self._fds if known[:depth] == path]:
            os.close(self._fds.pop(known))


def _write_file(parent: int, name: bytes, member: Member, content: TarReader) -> None:
    fd = os.open(name, _FILE_FLAGS, 0o600, dir_fd=parent)
    try:
        while piece := content.read():
            view = memoryview(piece)
            while view:
                view = view[os.write(fd, view) :]
        os.fchown(fd, member.uid, member.gid)
        os.fchmod(fd, member.mode)  # after chown, which drops set-user-id bits and capabilities
        _set_xattrs(fd, member)
        os.utime(fd, (member.mtime, member.mtime))
    finally:
        os.close(fd)


def _set_xattrs(fd: int, member: Member) -> None:
    for name, value in member.xattrs.items():
        if is_carried(name):
            os.setxattr(fd, name, value)


def _clean(name: bytes, limits: Limits) -> Path:
    """The components of an entry's name; a leading slash means the layer's root, as it does to Docker."""
    if len(name) > limits.path_bytes:
        raise InvalidImage([Problem(f'entry "{_shown(name)}" has a path of {len(name)} bytes')])
    parts = tuple(part for part in name.split(b"/") if part not in (b"", b"."))
    if b".." in parts:
        raise InvalidImage([Problem(f'entry "{_shown(name)}" leads out of the layer')])
    if any(part.startswith(WHITEOUT_PREFIX) for part in parts[:-1]):
        raise InvalidImage([Problem(f'entry "{_shown(name)}" is in a folder whose name marks a removal')])
    if len(parts) > limits.depth:
        raise InvalidImage([Problem(f'entry "{_shown(name)}" is more than {limits.depth} folders deep')])
    return parts


def _status(name: bytes, parent: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _is_whiteout(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _refuse(member: Member, why: str) -> InvalidImage:
    return InvalidImage([Problem(f'entry "{_shown(member.name)}" {why}')])


def _shown(name: bytes) -> str:
    return printable(name[:200].decode(errors="backslashreplace"))


def _explain(error: OSError, member: Member) -> CaisError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpace(f'no space left while unpacking "{_shown(member.name)}"', hint="free some: cais image prune")
    if error.errno in (errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP, errno.EMLINK, errno.EOVERFLOW):
        return _refuse(member, f"cannot be unpacked: {error.strerror}")
    if error.errno == errno.EPERM:
        return PermissionNeeded(
            f'no right to unpack "{_shown(member.name)}" as the archive states it (owner, mode)', hint="run as root"
        )
    return HostError(f'cannot unpack "{_shown(member.name)}": {error.strerror}')
