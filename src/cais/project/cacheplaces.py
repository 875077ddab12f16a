"""Build caches in OCI folders and registries (`build.remotecache.CachePlaces`)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from cais.build.remotecache import LABEL, CachePlace, Chain, Offered
from cais.digest import digest_bytes, parse_digest
from cais.errors import NotFoundError
from cais.events import EventSink
from cais.images.content import Content, ContentSource, ContentTarget
from cais.images.documents import decode_config
from cais.images.index import Index, IndexEntry, decode_manifest
from cais.images.model import MEDIA_INDEX, ImageConfig, Manifest, RunConfig, StoredImage
from cais.images.platforms import host_platform
from cais.images.store import ImageStore
from cais.registry.between import CopyOptions, copy_between, opened_source
from cais.registry.places import Kind, Place
from cais.registry.settings import RegistrySettings

_NAME = "cache"


class RemoteCaches:
    """Reads and writes caches with the store."""

    def __init__(self, store: ImageStore, events: EventSink, settings: RegistrySettings) -> None:
        self._store = store
        self._events = events
        self._settings = settings

    def read(self, place: CachePlace) -> Sequence[Offered]:
        """The images of a cache that carry the label. Raises NotFoundError, PullError, InvalidImage."""
        if place.folder and not os.path.isdir(place.folder):
            raise NotFoundError(f'the folder "{place.folder}" does not exist')
        with self._source(place) as source:
            return tuple(_offered(source, source.root()))

    def take(self, place: CachePlace, manifest: str) -> StoredImage:
        """One image into the store."""
        from cais.registry.take import take

        with self._source(place) as source:
            one = _One(source, source.manifest(parse_digest(manifest)))
            return take(one, self._store, (), host_platform(), self._events).image

    def write(self, place: CachePlace, chains: Iterable[Chain]) -> None:
        """An image a chain; of several an index. What is on the way to a registry is kept in a folder meanwhile."""
        if place.folder:
            self._fill(place.folder, chains)
            return
        with self._store.records.snapshots.scratch() as scratch:
            folder = os.path.join(scratch, "cache")
            self._fill(folder, chains)
            target = Place(Kind.REGISTRY, "", place.reference)
            options = CopyOptions(all=True)
            copy_between(
                Place(Kind.FOLDER, folder, _NAME),
                target,
                self._store,
                events=self._events,
                settings=self._settings,
                options=options,
            )

    @contextlib.contextmanager
    def _source(self, place: CachePlace) -> Iterator[ContentSource]:
        where = Place(Kind.FOLDER, place.folder, _NAME) if place.folder else Place(Kind.REGISTRY, "", place.reference)
        with opened_source(where, self._store, events=self._events, settings=self._settings) as source:
            yield source

    def _fill(self, folder: str, chains: Iterable[Chain]) -> None:
        from cais.images.layouttarget import open_folder_target
        from cais.registry.copy import copy

        with open_folder_target(folder, _NAME) as target:
            made: list[Content] = []
            for chain in chains:
                with self._image(chain) as source:
                    made.append(copy(source, _Below(target), self._events, platform=None))
            if not made:
                return
            root = made[0] if len(made) == 1 else _index(made)
            target.put_manifest(root, is_root=True)

    @contextlib.contextmanager
    def _image(self, chain: Chain) -> Iterator[ContentSource]:
        """The image of a chain, in the store for the time of the block."""
        here = host_platform()
        label = msgspec.json.encode(chain.contents).decode()
        config = ImageConfig(
            architecture=here.architecture, os=here.os, variant=here.variant, config=RunConfig(labels={LABEL: label})
        )
        image = self._store.create(config, chain.snapshot)
        try:
            with opened_source(
                Place(Kind.STORE, "", image.id), self._store, events=self._events, settings=self._settings
            ) as source:
                yield source
        finally:
            self._store.remove(image.id)


class _One:
    """A source of which only one manifest is wanted."""

    def __init__(self, source: ContentSource, root: Content) -> None:
        self.transfers = source.transfers
        self.manifest = source.manifest
        self.document = source.document
        self.open = source.open
        self._root = root

    def root(self) -> Content:
        """The manifest."""
        return self._root


class _Below:
    """A target in which what is copied is not the root."""

    def __init__(self, target: ContentTarget) -> None:
        self.transfers = target.transfers
        self.has = target.has
        self.put = target.put
        self._target = target

    def put_manifest(self, content: Content, *, is_root: bool) -> Content:  # noqa: ARG002 - the protocol's
        """Take a manifest, to be named by another."""
        return self._target.put_manifest(content, is_root=False)


def _offered(source: ContentSource, content: Content) -> Iterator[Offered]:
    document = decode_manifest(content.data)
    if isinstance(document, Manifest):
        label = decode_config(source.document(document.config)).config.labels.get(LABEL)
        if label is not None:
            yield Offered(manifest=content.digest, label=label)
        return
    for entry in document.manifests:
        below = source.manifest(parse_digest(entry.digest))
        if isinstance(decode_manifest(below.data), Manifest):
            yield from _offered(source, below)


def _index(made: Sequence[Content]) -> Content:
    entries = tuple(IndexEntry(digest=each.digest, size=len(each.data), media_type=each.media_type) for each in made)
    data = msgspec.json.encode(Index(manifests=entries))
    return Content(data, MEDIA_INDEX, digest_bytes(data))
