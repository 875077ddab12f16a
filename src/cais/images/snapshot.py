"""Unpacked layers on disk: made in a working folder, renamed into place, never changed again.

    snapshots/ID               a layer in overlay form; ID is its chain ID (hex) where that was known when it was made,
                               else `p-` and a random number
    snapshots/.working/NAME    a layer being made (`upper`, `work`, `merged`) or being removed; its maker holds an flock on the
                               folder, so one whose lock is free was left by a crash

File data is not synced one by one: a power cut within the half minute in which the kernel writes back may leave the newest snapshots
with empty files, which `validate` finds. What is dear to make again (imported and loaded images) is synced as a whole first.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Iterator, Sequence

import msgspec

from cais import durable
from cais.clock import Clock
from cais.errors import Conflict, HostError, NotFoundError
from cais.images.fold import fold_folders
from cais.images.lease import Lease
from cais.images.rows import Rows, SnapshotRow

_WORKING = ".working"
_BUSY_RETRY_S = 0.05
_BUSY_ATTEMPTS = 40


class KnownLayer(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a layer that came as a tar: its place in a stack, and the blob it is kept as (if it is)."""

    diff_id: str
    chain_id: str
    tar_bytes: int
    blob: str | None = None
    blob_type: str | None = None
    blob_bytes: int | None = None


class SnapshotFolders:
    """The folders and their rows; implements `protocol.Snapshots`."""

    def __init__(self, folder: str, rows: Rows, lease: Lease, clock: Clock) -> None:
        self._folder = folder
        self._rows = rows
        self._lease = lease
        self._clock = clock
        self._swept = False

    def path(self, snapshot_id: str) -> str:
        """The folder with the layer's content. Raises NotFoundError."""
        if self._rows.snapshot(snapshot_id) is None:
            raise NotFoundError(f'snapshot "{snapshot_id}" does not exist')
        return self.folder_of(snapshot_id)

    def folder_of(self, snapshot_id: str) -> str:
        """Where the layer is, if it is."""
        return os.path.join(self._folder, snapshot_id)

    def chain(self, snapshot_id: str) -> tuple[str, ...]:
        """Ids from the bottom to `snapshot_id`, () for "". Raises NotFoundError."""
        chain = tuple(row.id for row in self._rows.chain(snapshot_id))
        if snapshot_id and not chain:
            raise NotFoundError(f'snapshot "{snapshot_id}" does not exist')
        return chain

    def paths(self, snapshot_id: str) -> tuple[str, ...]:
        """The folders of the chain, bottom first."""
        return tuple(self.folder_of(each) for each in self.chain(snapshot_id))

    @contextlib.contextmanager
    def prepare(self, parent: str, *, over: Sequence[str] = (), like: str = "") -> Iterator[Working]:
        """A writable layer on `parent` ("" for scratch), overlay-mounted for the block; thrown away unless committed.

        `over` are folders in overlay form, bottom first, that are seen above the parent while it is mounted and belong to no layer.
        `like` is a snapshot with the same parent: the layer begins with its files, as hard links that must be replaced, not written to.
        """
        with self._working() as working:
            lowers = (*self.paths(parent), *over)
            upper, merged = os.path.join(working, "upper"), os.path.join(working, "merged")
            _make_upper(upper, lowers)
            if like:
                from cais.images.clone import clone_into

                clone_into(self.path(like), upper)
            layer = Working(self, working, parent, upper=upper, merged=merged if lowers else upper)
            if lowers:
                work = os.path.join(working, "work")
                os.mkdir(work)
                os.mkdir(merged)
                from cais.linux.overlay import mount_overlay

                # volatile: without it, fsync in a RUN and each unmount would write back the whole file system.
                mount_overlay(lowers, upper, work, merged, volatile=True)
            try:
                yield layer
            finally:
                layer.release()

    @contextlib.contextmanager
    def unpacking(self, parent: str) -> Iterator[Working]:
        """A writable layer on `parent` that is filled in overlay form: `upper` only, nothing is mounted."""
        with self._working() as working:
            upper = os.path.join(working, "upper")
            _make_upper(upper, self.paths(parent))
            yield Working(self, working, parent, upper=upper, merged=upper)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[str]:
        """A working folder for anything else, removed at the end of the block, or by the next sweep."""
        with self._working() as working:
            yield working

    def keep(self, working: Working, epoch_s: int | None, known: KnownLayer | None) -> str:
        """Rename the layer into place and record it; an equal one that somebody made meanwhile is used instead."""
        snapshot_id = known.chain_id.partition(":")[2] if known else "p-" + os.urandom(12).hex()
        try:
            os.rename(working.upper, self.folder_of(snapshot_id))
        except OSError as error:
            if known is None or error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        if known is not None:
            durable.sync_folder(self._folder)
        facts = msgspec.structs.asdict(known) if known else {}
        self._rows.add_snapshot(
            SnapshotRow(id=snapshot_id, parent=working.parent, created_at=self._clock.now(), epoch_s=epoch_s, **facts)
        )
        return snapshot_id

    def discard(self, snapshot_ids: list[str]) -> None:
        """Remove folders whose rows are gone: out of sight at once, then for good. The caller holds the lease alone."""
        for snapshot_id in snapshot_ids:
            with self._owned() as working, contextlib.suppress(FileNotFoundError):  # an earlier crash got that far
                os.rename(self.folder_of(snapshot_id), os.path.join(working, "removed"))

    def unrecorded(self) -> list[str]:
        """Folders without a row: the traces of a crash between rename and row. The caller holds the lease alone."""
        recorded = {row.id for row in self._rows.snapshots()}
        names = os.listdir(self._folder) if os.path.isdir(self._folder) else []
        return [name for name in names if not name.startswith(".") and name not in recorded]

    def sweep(self) -> int:
        """Remove what crashed processes left half made, mounts included; how many. Working folders in use are left alone."""
        removed = 0
        working_folder = os.path.join(self._folder, _WORKING)
        for name in os.listdir(working_folder) if os.path.isdir(working_folder) else ():
            path = os.path.join(working_folder, name)
            fd = durable.try_own(path)
            if fd is not None:
                _remove_working(path)
                os.close(fd)
                removed += 1
        return removed

    @contextlib.contextmanager
    def _working(self) -> Iterator[str]:
        with self._lease.writing(), self._owned() as working:
            yield working

    @contextlib.contextmanager
    def _owned(self) -> Iterator[str]:
        working_folder = os.path.join(self._folder, _WORKING)
        if not self._swept:
            os.makedirs(working_folder, mode=0o700, exist_ok=True)
            # Images hold programs with set-user-id bits, old ones too: no user of the host is to reach them by path.
            os.chmod(self._folder, 0o700)
            self.sweep()
            self._swept = True
        path, fd = durable.own_new(working_folder)
        try:
            yield path
        finally:
            _remove_working(path)
            os.close(fd)


class Working:
    """A layer being made; implements `protocol.PreparedSnapshot`."""

    def __init__(self, folders: SnapshotFolders, folder: str, parent: str, *, upper: str, merged: str) -> None:
        self._folders = folders
        self._folder = folder
        self._committed = False
        self.parent = parent
        self._upper = upper
        self._merged = merged

    @property
    def merged(self) -> str:
        """The mounted root file system."""
        return self._merged

    @property
    def upper(self) -> str:
        """The folder that becomes the layer."""
        return self._upper

    def commit(self, *, epoch_s: int | None = None, fold: bool = False) -> str:
        """Unmount and keep the layer under a provisional id, which is returned; not to be used after that.

        `fold` drops empty folders that are as they are below: mount points were made and removed in them.
        """
        if fold:
            self.release()
            fold_folders(self._upper, self._folders.paths(self.parent))
        return self.commit_known(None, epoch_s=epoch_s)

    def commit_known(self, known: KnownLayer | None, *, epoch_s: int | None = None) -> str:
        """Like `commit`, for a layer whose digests are known; an existing one with the same chain ID is used instead."""
        if self._committed:
            raise Conflict("the layer is committed already")
        self.release()
        self._committed = True
        if known is not None:
            sync_file_system(self._upper)
        return self._folders.keep(self, epoch_s, known)

    def release(self) -> None:
        """Unmount; idempotent."""
        if self._merged == self._upper or not os.path.ismount(self._merged):
            return
        from cais.linux import mount

        for attempt in range(_BUSY_ATTEMPTS):
            try:
                for point in mount.mounts_below(self._merged):
                    mount.unmount(point)
            except OSError as error:
                if error.errno != errno.EBUSY or attempt == _BUSY_ATTEMPTS - 1:
                    raise HostError(
                        f'cannot unmount "{self._merged}": {error.strerror}',
                        hint="a process still works in it: fuser -vm shows which",
                    ) from error
                time.sleep(_BUSY_RETRY_S)  # a runtime that has just ended lets go within milliseconds
            else:
                return


def sync_file_system(path: str) -> None:
    """Write back everything dirty on the file system of `path` (syncfs(2)): one call in place of thousands of fsyncs."""
    import ctypes

    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(fd) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path)
    finally:
        os.close(fd)


def _make_upper(upper: str, lowers: Sequence[str]) -> None:
    # The merged root folder has the attributes of the upper's, so they are passed on from layer to layer.
    os.mkdir(upper)
    mode = 0o755
    if lowers:
        status = os.stat(lowers[-1])
        os.chown(upper, status.st_uid, status.st_gid)
        mode = stat.S_IMODE(status.st_mode)
    os.chmod(upper, mode)


def _remove_working(path: str) -> None:
    import shutil

    from cais.linux import mount

    for point in mount.mounts_below(path):
        mount.unmount(point, lazy=True)
    shutil.rmtree(path)
