"""Copies an image from one place to another: blobs that are missing there, several at a time, then the manifests that name them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cais.digest import parse_digest
from cais.errors import InvalidImage, Problem
from cais.events import EventSink
from cais.images.content import Content, ContentSource, ContentTarget
from cais.images.index import Index, decode_manifest
from cais.images.limits import DEFAULT_LIMITS
from cais.images.model import Descriptor, Manifest
from cais.images.platforms import Platform
from cais.registry.ofplatform import check_depth, of_platform
from cais.registry.progress import Progress

_NOT_TO_BE_GIVEN_ON = ("foreign", "nondistributable")


def copy(
    source: ContentSource,
    target: ContentTarget,
    events: EventSink,
    *,
    platform: Platform | None,
    abort: Callable[[], None] = lambda: None,
) -> Content:
    """Copy the image for `platform`, or with None all that an index leads to. What stands for it at the target.

    Manifests stay byte for byte what they are, and so do digests, unless the target cannot take them. Raises InvalidImage, and what
    `source` and `target` raise; `abort` makes what still runs then fail.
    """
    copier = _Copier(source, target, events, abort)
    root = source.root()
    if platform is None:
        return copier.all(root, 0)
    return copier.one(*of_platform(source, root, platform))


class _Copier:
    def __init__(
        self, source: ContentSource, target: ContentTarget, events: EventSink, abort: Callable[[], None]
    ) -> None:
        self._source = source
        self._target = target
        self._events = events
        self._abort = abort

    def all(self, content: Content, depth: int) -> Content:
        """An index with everything below it, or a manifest."""
        document = decode_manifest(content.data)
        if isinstance(document, Manifest):
            self._blobs(document)
        else:
            self._below(document, depth)
        return self._target.put_manifest(content, is_root=depth == 0)

    def one(self, content: Content, manifest: Manifest) -> Content:
        """One manifest, in the name of the whole."""
        self._blobs(manifest)
        return self._target.put_manifest(content, is_root=True)

    def _below(self, index: Index, depth: int) -> None:
        check_depth(depth)
        for entry in index.manifests:
            self.all(self._source.manifest(parse_digest(entry.digest)), depth + 1)

    def _blobs(self, manifest: Manifest) -> None:
        if len(manifest.layers) > DEFAULT_LIMITS.layers:
            raise InvalidImage([Problem(f"the image has {len(manifest.layers)} layers")])
        wanted = {each.digest: each for each in (*manifest.layers, manifest.config)}
        for each in wanted.values():
            parse_digest(each.digest)
            if any(word in each.media_type for word in _NOT_TO_BE_GIVEN_ON):
                raise InvalidImage([Problem(f'layer "{each.digest}" must not be given on, its manifest says')])
        self._side_by_side(list(wanted.values()))

    def _side_by_side(self, wanted: Sequence[Descriptor]) -> None:
        from concurrent.futures import ThreadPoolExecutor

        threads = max(1, min(self._source.transfers, self._target.transfers, len(wanted)))
        pool = ThreadPoolExecutor(threads, thread_name_prefix="copy")
        try:
            futures = [pool.submit(self._blob, descriptor) for descriptor in wanted]
            for future in futures:
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            self._abort()
            raise
        finally:
            pool.shutdown()

    def _blob(self, descriptor: Descriptor) -> None:
        progress = Progress(descriptor, self._events)
        if self._target.has(descriptor):
            progress.ended("Already exists")
            return
        progress.ended(self._target.put(descriptor, self._source, progress.reached))
