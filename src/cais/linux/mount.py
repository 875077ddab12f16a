"""mount(2), umount2(2) and what /proc/self/mountinfo says. One function a call; each raises OSError with the path."""

from __future__ import annotations

import functools
import os
from typing import Any

# Constants of linux/mount.h and sys/mount.h.
MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MNT_DETACH = 0x2
UMOUNT_NOFOLLOW = 0x8

# The kernel copies at most one page of options, the final NUL included (copy_mount_options).
MAX_OPTION_BYTES = 4095


@functools.cache
def _libc() -> Any:  # noqa: ANN401  (ctypes functions have no static type)
    """The C library with the signatures we call; ctypes costs 8 ms, so it is loaded by the first mount."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    text = ctypes.c_char_p
    libc.mount.argtypes = (text, text, text, ctypes.c_ulong, text)
    libc.umount2.argtypes = (text, ctypes.c_int)
    return libc


def _fail(path: str) -> OSError:
    import ctypes

    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), path)


def mount(source: str, target: str, kind: str, flags: int = 0, options: str = "") -> None:
    """mount(2). `kind` is the file system type, "" where the call does not look at it (bind, remount, propagation)."""
    arguments = (os.fsencode(source), os.fsencode(target), kind.encode(), flags, os.fsencode(options))
    if _libc().mount(*arguments) != 0:
        raise _fail(target)


def bind(source: str, target: str, *, read_only: bool = False, recursive: bool = False) -> None:
    """Show `source` at `target`. Read-only takes a second call: the kernel ignores MS_RDONLY in the one that binds."""
    mount(source, target, "", MS_BIND | (MS_REC if recursive else 0))
    if read_only:
        try:
            mount("", target, "", MS_BIND | MS_REMOUNT | MS_RDONLY)
        except OSError:
            unmount(target, lazy=True)
            raise


def tmpfs(target: str, options: str = "", flags: int = MS_NOSUID | MS_NODEV) -> None:
    """A fresh tmpfs at `target`."""
    mount("tmpfs", target, "tmpfs", flags, options)


def make_private(target: str) -> None:
    """Keep mounts made at and below `target` from propagating to other namespaces, and theirs from coming here."""
    mount("", target, "", MS_REC | MS_PRIVATE)


def unmount(target: str, *, lazy: bool = False) -> None:
    """umount2(2); `lazy` takes it out of sight at once and lets it go when its last user does. Never follows a symbolic link."""
    if _libc().umount2(os.fsencode(target), UMOUNT_NOFOLLOW | (MNT_DETACH if lazy else 0)) != 0:
        raise _fail(target)


def is_mounted(target: str) -> bool:
    """Whether something is mounted exactly at `target` (which is resolved as far as symbolic links go)."""
    path = os.path.realpath(target)
    return path in _mount_points(os.path.basename(path))


def passes_on(path: str) -> frozenset[str]:
    """How the mount that `path` lies on passes mounts on: "shared" with others, "slave" of others, both, or not at all (proc_pid_mountinfo(5))."""
    path = os.path.realpath(path)
    best, found = "", frozenset[str]()
    with open("/proc/self/mountinfo", "rb") as stream:
        for line in stream:
            fields = line.split()
            point = _unescape(fields[4])
            if len(point) >= len(best) and (path == point or path.startswith(point.rstrip("/") + "/")):
                tags = {field.partition(b":")[0] for field in fields[6 : fields.index(b"-")]}
                best = point
                found = frozenset(word for word, tag in (("shared", b"shared"), ("slave", b"master")) if tag in tags)
    return found


def mounts_below(folder: str) -> tuple[str, ...]:
    """Mount points at or below `folder`, in the order in which they can be unmounted (last mounted first)."""
    folder = os.path.realpath(folder)
    inside = folder.rstrip("/") + "/"
    found = [point for point in _mount_points(os.path.basename(folder)) if point == folder or point.startswith(inside)]
    return tuple(reversed(found))


def _mount_points(word: str) -> list[str]:
    """The mount points with `word` in them, and perhaps others."""
    # A machine that runs hundreds of containers has as many lines, so only those that can matter are taken apart. The escaped
    # form of a word may differ from it (proc_pid_mountinfo(5)); then all of them are.
    raw = os.fsencode(word)
    with open("/proc/self/mountinfo", "rb") as stream:
        lines = stream.read().splitlines()
    if not raw.translate(None, b"-_.").isalnum():
        raw = b""
    # The fifth field of a line; blanks, tabs, newlines and backslashes in it are octal escapes.
    return [_unescape(line.split(b" ", 5)[4]) for line in lines if raw in line]


def _unescape(field: bytes) -> str:
    if b"\\" in field:
        first, *rest = field.split(b"\\")
        field = first + b"".join(bytes([int(part[:3], 8)]) + part[3:] for part in rest)
    return os.fsdecode(field)
