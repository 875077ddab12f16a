"""Extended attributes, never through a symbolic link (xattr(7))."""

from __future__ import annotations

import errno
import os

Target = str | bytes | int
"""A path, or the descriptor of an open file."""


def names(target: Target) -> list[str]:
    """The attribute names of `target`; none where the file system has no attributes."""
    try:
        return os.listxattr(target) if isinstance(target, int) else os.listxattr(target, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.EPERM):
            return []
        raise


def get(target: Target, name: str) -> bytes | None:
    """The attribute's value, None when it is not set."""
    try:
        if isinstance(target, int):
            return os.getxattr(target, name)
        return os.getxattr(target, name, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.ENOTSUP):
            return None
        raise


def put(target: Target, name: str, value: bytes) -> None:
    """Set an attribute. Raises OSError, with EPERM for `trusted.` and `security.` without the capability."""
    if isinstance(target, int):
        os.setxattr(target, name, value)
    else:
        os.setxattr(target, name, value, follow_symlinks=False)
