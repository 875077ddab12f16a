"""How much hostile input may ask of us: one value, handed to whoever reads it."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on one layer or archive. The defaults are far above real images (a 20 GB CUDA image has 200,000 entries).

    - `entries` of a layer, and `archive_files` of an archive of images.
    - `content_bytes`: unpacked content, so that a decompression bomb ends there and not at a full disk.
    - `expansion`: how many times larger than what was read the content may be, beyond `expansion_floor_bytes`. gzip reaches at most 1,032
      (RFC 1951), so only other compressions meet it.
    - `reserve_bytes` that stay free on the disk.
    - `metadata_bytes`: the pax and long-name headers of an entry, a manifest, an image config.
    - `layers` of an image: overlayfs takes 500 lower folders.
    - `path_bytes` of a name, `depth` of its folders.
    - `window_bytes`: the memory a decompressor may take.
    """

    entries: int = 4_000_000
    archive_files: int = 100_000
    content_bytes: int = 256 << 30
    expansion: int = 1_100
    expansion_floor_bytes: int = 1 << 30
    reserve_bytes: int = 128 << 20
    metadata_bytes: int = 4 << 20
    layers: int = 500
    path_bytes: int = 4096
    depth: int = 128
    window_bytes: int = 128 << 20


DEFAULT_LIMITS = Limits()
