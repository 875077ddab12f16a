"""Objects as files in a folder: the embedded default.

A put writes a file beside its place, has it on the disk, then renames it: a reader, or a machine that starts again, finds the old object, the new one or
none, never a part. Names that begin with a dot are no keys, so a file that a killed put left behind is no object; `provision` removes old ones.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from fotogal.objects.interface import Listed, NoSuchObject, StoreUnavailable, check_key

# Readable for nginx, which runs as another user.
_FOLDER_MODE = 0o755
_FILE_MODE = 0o644
_LEFT_OVER_S = 3600
_TRIES = 100


class FilesystemStore:
    """`folder` is the bucket. Implements `objects.interface.ObjectStore`."""

    def __init__(self, folder: Path, *, redirects: bool = False) -> None:
        self._folder = folder
        self._redirects = redirects

    @property
    def host_fqdn(self) -> str:
        return socket.gethostname()

    def provision(self) -> list[str]:
        with _errors("provision"):
            if not self._folder.is_dir():
                self._folder.mkdir(mode=_FOLDER_MODE, parents=True)
                return [f"created folder {self._folder}"]
            left_over = list(self._left_over())
            for path in left_over:
                path.unlink(missing_ok=True)
            return [f"removed {path}, left by a put that was killed" for path in left_over]

    def ready(self) -> None:
        if not os.access(self._folder, os.R_OK | os.W_OK | os.X_OK):
            raise StoreUnavailable(
                f"the folder {self._folder} is not there or not writable; has `python -m fotogal provision` been run?"
            )

    def close(self) -> None:
        """Nothing is held open."""

    def put(self, key: str, data: bytes, content_type: str) -> None:  # noqa: ARG002 nginx tells the type by the ending
        path = self._path(key)
        with _errors(key):
            self.ready()
            temporary = self._folder / f".{token_hex(16)}"
            try:
                with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE), "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                self._move(temporary, path)
            except BaseException:
                with suppress(FileNotFoundError):  # renamed already
                    temporary.unlink()
                raise

    def get(self, key: str) -> bytes:
        path = self._path(key)
        with _errors(key):
            self.ready()
            try:
                return path.read_bytes()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                raise NoSuchObject(key) from None

    def delete(self, key: str) -> None:
        path = self._path(key)
        with _errors(key):
            self.ready()
            try:
                path.unlink()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return
            self._remove_empty(path.parent)

    def listing(self, prefix: str = "") -> Iterator[Listed]:
        with _errors(f"keys of {prefix!r}"):
            self.ready()
            yield from _walk(self._folder, "", prefix)

    def redirect(self, key: str) -> str | None:
        check_key(key)
        return f"/_objects/{key}" if self._redirects else None

    def _path(self, key: str) -> Path:
        return self._folder / check_key(key)

    def _move(self, temporary: Path, path: Path) -> None:
        """Renames, and has the name on the disk. A folder may vanish in between: another thread deleted the last object in it."""
        for attempt in range(1, _TRIES + 1):
            try:
                path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
                temporary.replace(path)
                _sync(path.parent)
                return
            except (FileNotFoundError, FileExistsError):
                if attempt == _TRIES:
                    raise

    def _remove_empty(self, folder: Path) -> None:
        while folder != self._folder:
            try:
                folder.rmdir()
            except OSError:  # not empty, or gone already
                return
            folder = folder.parent

    def _left_over(self) -> Iterator[Path]:
        oldest = time.time() - _LEFT_OVER_S
        for path in self._folder.glob(".*"):
            if path.is_file() and path.stat().st_mtime < oldest:
                yield path


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _walk(folder: Path, above: str, prefix: str) -> Iterator[Listed]:
    """The objects below `folder`, whose keys begin with `above`, in the order of their keys."""
    try:
        entries = sorted(os.scandir(folder), key=_order)
    except FileNotFoundError:
        return  # its last object was deleted just now
    for entry in entries:
        key = above + entry.name
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            if f"{key}/".startswith(prefix) or prefix.startswith(f"{key}/"):
                yield from _walk(Path(entry.path), f"{key}/", prefix)
        elif key.startswith(prefix):
            with suppress(FileNotFoundError):  # deleted just now
                found = entry.stat(follow_symlinks=False)
                yield Listed(key, found.st_size, found.st_mtime_ns // 1_000_000)


def _order(entry: os.DirEntry[str]) -> str:
    """What is in a folder sorts by the whole key, and `/` comes after `-` and `.`."""
    return f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name


@contextmanager
def _errors(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(f"{what}: {error}") from error
