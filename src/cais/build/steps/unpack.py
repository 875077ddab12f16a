"""ADD of local archives."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from cais.build.select import Match
from cais.build.tree import Tree
from cais.errors import BuildError, Span

# gzip, bzip2, xz, zstd, and a plain tar's mark at its place in the first header.
_MAGICS = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")
_TAR_MAGIC = b"ustar"
_TAR_OFFSET = 257


def refuse_archives(tree: Tree, matches: Sequence[Match], span: Span) -> None:
    """Raise BuildError when one of `matches` is an archive, which ADD would have to unpack."""
    for match in matches:
        if stat.S_ISREG(match.entry.mode) and _is_archive(tree.host_path(match.entry)):
            raise BuildError(
                f'ADD cannot unpack the archive "{match.entry.path}" yet',
                span=span,
                hint="COPY it and unpack it in a RUN",
            )


def _is_archive(path: str) -> bool:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        head = os.read(fd, 512)
    finally:
        os.close(fd)
    return head.startswith(_MAGICS) or head[_TAR_OFFSET:].startswith(_TAR_MAGIC)
