"""How much hostile input may ask of us: one value, handed to whoever reads it."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on one layer or archive. The defaults are far above real images (a 20 GB CUDA image has 200,000 entries).

    `content_bytes` bounds unpacked content, so that a decompression bomb ends there and not at a full disk; `metadata_bytes` one pax
    or long-name header, a manifest, an image config; `depth` the folders of a path.
    """

    entries: int = 4_000_000
    content_bytes: int = 256 << 30
    metadata_bytes: int = 4 << 20
    path_bytes: int = 4096
    depth: int = 128


DEFAULT_LIMITS = Limits()
