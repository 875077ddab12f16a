"""Content digests (OCI image specification, descriptor.md, "Digests") and reading that verifies."""

from __future__ import annotations

import re
from typing import BinaryIO, NewType

from cais.errors import InvalidImage, Problem

Digest = NewType("Digest", str)
"""`algorithm:hex` of bytes as stored. Made only by the functions below."""

CHUNK_BYTES = 1 << 20
_PATTERN = re.compile(r"sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}")


def parse_digest(text: str) -> Digest:
    """`text` as a digest; raises InvalidImage when it is none or its algorithm is not supported."""
    if not _PATTERN.fullmatch(text):
        raise InvalidImage([Problem(f'"{text[:200]}" is not a sha256 or sha512 digest')])
    return Digest(text)


def digest_bytes(data: bytes) -> Digest:
    """The sha256 digest of `data`."""
    import hashlib  # brings OpenSSL: 3 ms that `ps` has no use for

    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def digest_file(stream: BinaryIO) -> tuple[Digest, int]:
    """The sha256 digest and the size in bytes of what is left in `stream`."""
    import hashlib

    hasher = hashlib.sha256()
    size = 0
    while chunk := stream.read(CHUNK_BYTES):
        hasher.update(chunk)
        size += len(chunk)
    return Digest("sha256:" + hasher.hexdigest()), size


def hex_of(digest: Digest) -> str:
    """The hexadecimal part of `digest`."""
    return digest.partition(":")[2]


def short_id(digest: str) -> str:
    """The first twelve hexadecimal digits, as Docker prints ids."""
    return digest.rpartition(":")[2][:12]


class VerifiedReader:
    """Reads at most `size` bytes of `stream` and fails unless they are exactly that many and have `digest`.

    Content is checked while it streams and never read past its declared size, so a hostile source cannot fill the disk.
    """

    def __init__(self, stream: BinaryIO, digest: Digest, size: int | None) -> None:
        import hashlib

        self._stream = stream
        self._digest = digest
        self._size = size
        self._seen = 0
        self._hasher = hashlib.new(digest.partition(":")[0])

    def read(self, count: int = CHUNK_BYTES) -> bytes:
        """At most `count` bytes; b"" at the end. Raises InvalidImage on a wrong size or digest."""
        chunk = self._stream.read(count)
        self._seen += len(chunk)
        if self._size is not None and self._seen > self._size:
            raise InvalidImage([Problem(f"content of {self._digest} is longer than the {self._size} bytes declared")])
        self._hasher.update(chunk)
        if not chunk or self._seen == self._size:
            self._verify()  # before the last piece is given: who counts the bytes does not come back for the end
        return chunk

    def _verify(self) -> None:
        if self._size is not None and self._seen != self._size:
            raise InvalidImage([Problem(f"content of {self._digest} ends after {self._seen} of {self._size} bytes")])
        found = f"{self._digest.partition(':')[0]}:{self._hasher.hexdigest()}"
        if found != self._digest:
            raise InvalidImage([Problem(f"content has digest {found}, not {self._digest}")])
