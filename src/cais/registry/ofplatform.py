"""From what stands for an image to the manifest for one platform."""

from __future__ import annotations

from cais.digest import parse_digest
from cais.errors import InvalidImage, Problem
from cais.images.content import Content, ContentSource
from cais.images.index import choose, decode_manifest
from cais.images.model import Manifest
from cais.images.platforms import Platform

_MAX_INDEX_DEPTH = 3


def of_platform(source: ContentSource, root: Content, platform: Platform) -> tuple[Content, Manifest]:
    """The manifest for a platform, as it is written and as it is read: `root`, or one that it leads to as an index. Raises InvalidImage."""
    content, depth = root, 0
    while not isinstance(document := decode_manifest(content.data), Manifest):
        check_depth(depth)
        content = source.manifest(parse_digest(choose(document, platform).digest))
        depth += 1
    return content, document


def check_depth(depth: int) -> None:
    """Raise InvalidImage for an index at a depth (from 0) at which no honest one is."""
    if depth == _MAX_INDEX_DEPTH:
        raise InvalidImage([Problem("the image's indexes are nested too deeply")])
