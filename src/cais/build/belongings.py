"""Everything the builder keeps, with sizes and times; and what crashed builds left of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator

import msgspec

from cais import decoding, durable
from cais.build.downloads import Download
from cais.build.eviction import Kept, Kind
from cais.build.keeping import LOCK_SUFFIX, description_of
from cais.images.protocol import ImageStore

_BLOCK = 512  # st_blocks counts these, whatever the file system's are (stat(2))
_FOLDERS = (
    ("caches", Kind.CACHE_MOUNT),
    ("git", Kind.REPOSITORY),
    ("git/trees", Kind.REPOSITORY),
    ("contexts", Kind.CONTEXT),
)
_SIZES = "sizes"


def everything(store: ImageStore, folder: str) -> tuple[Kept, ...]:
    """What is kept in `folder` (that of the builder) and as layers in `store`."""
    return (*_layers(store, folder), *_folders(folder), *_downloads(os.path.join(folder, "downloads")))


def _layers(store: ImageStore, folder: str) -> Iterator[Kept]:
    """Layers do not change, so their sizes are found once and remembered."""
    path = os.path.join(folder, _SIZES)
    known = _read_sizes(path)
    layers = store.cache_layers()
    sizes = {each.id: known[each.id] if each.id in known else size_on_disk(each.folder) for each in layers}
    if sizes != known:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        durable.write(path, msgspec.msgpack.encode(sizes), mode=0o600, sync=False)
    for each in layers:
        yield Kept(
            kind=Kind.LAYER,
            id=each.id,
            path=each.folder,
            size_bytes=sizes[each.id],
            used_at=each.used_at,
            words=each.words,
            parent=each.parent,
            is_shared=each.is_shared,
        )


def _read_sizes(path: str) -> dict[str, int]:
    try:
        with open(path, "rb") as stream:
            return msgspec.msgpack.decode(stream.read(), type=dict[str, int])
    except (FileNotFoundError, msgspec.MsgspecError):  # not yet written, or half: they are found again
        return {}


def _folders(folder: str) -> Iterator[Kept]:
    for name, kind in _FOLDERS:
        for path in _children(os.path.join(folder, name)):
            lock = path + LOCK_SUFFIX
            if os.path.isdir(path) and os.path.exists(lock):
                yield Kept(
                    kind=kind,
                    id=os.path.basename(path).removesuffix(".git"),
                    path=path,
                    size_bytes=size_on_disk(path),
                    used_at=os.stat(lock).st_mtime,
                    words=description_of(path),
                )


def _downloads(folder: str) -> Iterator[Kept]:
    for path in _children(folder):
        record = _read_record(path)
        content = record and os.path.join(folder, record.digest.replace(":", "-"))
        if record and content and os.path.exists(content):
            yield Kept(
                kind=Kind.DOWNLOAD,
                id=os.path.basename(path).removesuffix(".json"),
                path=path,
                size_bytes=size_on_disk(content),
                used_at=os.stat(path).st_mtime,
                words=record.url,
            )


def _read_record(path: str) -> Download | None:
    if not path.endswith(".json"):
        return None
    with (
        open(path, "rb") as stream,
        contextlib.suppress(msgspec.MsgspecError),
    ):  # cut short by a power cut: as good as none
        return decoding.decode(stream.read(), Download)
    return None


def remove(kept: Kept) -> None:
    """Remove what is no layer. The caller knows that no build runs."""
    if kept.kind is Kind.DOWNLOAD:
        os.unlink(kept.path)  # the content goes with the next `sweep`, for another address may have given the same
        return
    hidden = durable.temporary_name(os.path.dirname(kept.path))
    os.rename(kept.path, hidden)  # so that a crash in between leaves nothing that looks whole
    shutil.rmtree(hidden)
    os.unlink(kept.path + LOCK_SUFFIX)


def sweep(folder: str) -> int:
    """Remove what crashed builds left in `folder`; how many things. The caller knows that no build runs."""
    doomed = list(_strays(folder))
    for path in doomed:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    return len(doomed)


def _strays(folder: str) -> Iterator[str]:
    for name in ("", "caches", "git", "git/trees", "contexts", "downloads", "digests", "copies"):
        for path in _children(os.path.join(folder, name)):
            last = os.path.basename(path)
            if (
                last.startswith(durable.TEMPORARY_PREFIX)
                or (name == "caches" and last.endswith(".new") and last != ".new")
                or (
                    last.endswith(LOCK_SUFFIX)
                    and last != LOCK_SUFFIX
                    and not os.path.isdir(path.removesuffix(LOCK_SUFFIX))
                )
            ):
                yield path
    yield from _children(os.path.join(folder, "steps"))
    yield from _stray_downloads(os.path.join(folder, "downloads"))
    yield from (path for path in _children(os.path.join(folder, "incoming")) if _is_abandoned(path))


def _stray_downloads(folder: str) -> Iterator[str]:
    """Contents that no record names, and records that cannot be read or whose content is gone."""
    records = {path: _read_record(path) for path in _children(folder) if path.endswith(".json")}
    named = {record.digest.replace(":", "-") for record in records.values() if record}
    for path in _children(folder):
        last = os.path.basename(path)
        if path in records:
            record = records[path]
            if record is None or not os.path.exists(os.path.join(folder, record.digest.replace(":", "-"))):
                yield path
        elif not last.startswith(".") and last not in named:
            yield path


def _is_abandoned(path: str) -> bool:
    """Whether nobody holds the lock on a file that came on standard input."""
    fd = durable.try_lock(path)
    if fd is None:
        return False
    os.close(fd)
    return True


def size_on_disk(path: str) -> int:
    """What a file, or a folder with all in it, takes; a file with several names counts once."""
    total, seen = 0, set()
    for status in _statuses(path):
        key = (status.st_dev, status.st_ino)
        if status.st_nlink == 1 or stat.S_ISDIR(status.st_mode) or key not in seen:
            total += status.st_blocks * _BLOCK
        seen.add(key)
    return total


def _statuses(path: str) -> Iterator[os.stat_result]:
    with contextlib.suppress(FileNotFoundError):  # removed since it was listed
        status = os.lstat(path)
        yield status
        if stat.S_ISDIR(status.st_mode):
            for entry in os.scandir(path):
                yield from _statuses(entry.path)


def _children(folder: str) -> list[str]:
    try:
        return sorted(os.path.join(folder, name) for name in os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
