"""Where images come from and go to, whatever it is: a registry, a folder, an archive, the store. Who copies images knows these protocols only."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

import msgspec

from cais.digest import Digest
from cais.images.model import Descriptor
from cais.images.tarread import ByteSource

_SKIP_BYTES = 1 << 18

OnBytes = Callable[[int], None]
"""Is told how many bytes of a blob have passed so far."""


class Content(msgspec.Struct, frozen=True):
    """The exact bytes of a manifest or an index, with what they are."""

    data: bytes
    media_type: str
    digest: Digest


class Opened(NamedTuple):
    """A blob being read, from `start`: 0, or where it was asked to begin."""

    stream: ByteSource
    start: int


class ContentSource(Protocol):
    """Gives images. `transfers` is how many blobs may be read at a time."""

    transfers: int

    def root(self) -> Content:
        """The manifest or index of the image that was asked for. Raises PullError, NotFoundError, InvalidImage."""

    def manifest(self, digest: Digest) -> Content:
        """A manifest or index that another names, verified."""

    def document(self, descriptor: Descriptor) -> bytes:
        """A small blob (an image config), verified."""

    def open(self, descriptor: Descriptor, offset: int = 0) -> AbstractContextManager[Opened]:
        """A blob, not verified: whoever takes it does that, as it streams."""


class ContentTarget(Protocol):
    """Takes images. `transfers` is how many blobs may be written at a time."""

    transfers: int

    def has(self, descriptor: Descriptor) -> bool:
        """Whether a blob is there already."""

    def put(self, descriptor: Descriptor, source: ContentSource, on_bytes: OnBytes) -> str:
        """Take a blob that is missing; how, in a word or two ("Copied", "Mounted from a/b"). Raises InvalidImage for wrong content."""

    def put_manifest(self, content: Content, *, is_root: bool) -> Content:
        """Take a manifest or index whose blobs are there; the `is_root` one under the name that was asked for. What was stored in the end."""


def skip(stream: ByteSource, count: int) -> int:
    """Read on by `count` bytes, or to the end; by how many."""
    left = count
    while left > 0 and (piece := stream.read(min(left, _SKIP_BYTES))):
        left -= len(piece)
    return count - left
