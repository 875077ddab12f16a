"""Being told of files that appear in folders (inotify(7)). For a thread that has nothing else to do."""

from __future__ import annotations

import functools
import os
import struct
from typing import Any

IN_MOVED_TO, IN_IGNORED, IN_CLOEXEC = 0x80, 0x8000, 0o2000000  # sys/inotify.h
_EVENT = struct.Struct("=iIII")
_READ_BYTES = 1 << 14


class Arrivals:
    """Folders that are watched for files renamed into them. Methods may be called from any thread."""

    def __init__(self) -> None:
        self._fd = _checked(_libc().inotify_init1(IN_CLOEXEC), "inotify")

    def watch(self, folder: str) -> int:
        """Watch `folder`; the number by which it is named. Raises OSError."""
        return int(_checked(_libc().inotify_add_watch(self._fd, os.fsencode(folder), IN_MOVED_TO), folder))

    def read(self) -> list[tuple[int, str, bool]]:
        """Wait for something: (number of the folder, name of the file, whether it is watched no more)."""
        data = os.read(self._fd, _READ_BYTES)
        found, offset = [], 0
        while offset < len(data):
            number, mask, _, length = _EVENT.unpack_from(data, offset)
            offset += _EVENT.size
            name = data[offset : offset + length].rstrip(b"\0")
            offset += length
            found.append((number, os.fsdecode(name), bool(mask & IN_IGNORED)))
        return found


@functools.cache
def _libc() -> Any:  # noqa: ANN401  (ctypes functions have no static type)
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    libc.inotify_add_watch.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)
    return libc


def _checked(result: int, subject: str) -> int:
    if result < 0:
        import ctypes

        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), subject)
    return result
