"""Copies an image between any two places: registries, the store, OCI folders, archives."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import msgspec

from cais.digest import Digest
from cais.errors import NotFoundError, UsageError
from cais.events import EventSink
from cais.images.compress import Compression
from cais.images.content import ContentSource, ContentTarget
from cais.images.platforms import Platform, host_platform
from cais.images.store import ImageStore
from cais.registry.errors import offline
from cais.registry.places import Kind, Place
from cais.registry.progress import packing
from cais.registry.settings import RegistrySettings, endpoint_of, endpoints


class CopyOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`all`: every platform of an image, else the one that is wanted; how layers of the store are packed."""

    platform: Platform | None = None
    all: bool = False
    compression: Compression = Compression.GZIP


def copy_between(
    source: Place,
    target: Place,
    store: ImageStore,
    *,
    events: EventSink,
    settings: RegistrySettings,
    options: CopyOptions,
) -> Digest:
    """Copy; the digest of what stands for the image at the target (of the store: its image ID).

    Raises UsageError, NotFoundError, Conflict, PullError, InvalidImage.
    """
    _check(source, target, settings, options)
    wanted = None if options.all else options.platform or host_platform()
    with ExitStack() as stack:
        opening = _Opening(stack, store, events, settings, options)
        origin = opening.source(source, target)
        if target.kind is Kind.STORE:
            from cais.registry.take import take

            assert wanted is not None
            names = [str(target.reference)]
            taken = take(origin, store, names, wanted, events, abort=opening.abort, policy=settings.retry)
            return taken.image.id
        from cais.registry.copy import copy

        destination = opening.target(target, source)
        return copy(origin, destination, events, platform=wanted, abort=opening.abort).digest


@contextlib.contextmanager
def opened_source(
    place: Place, store: ImageStore, *, events: EventSink, settings: RegistrySettings
) -> Iterator[ContentSource]:
    """A place to read from, for the block. Raises NotFoundError, PullError, InvalidImage."""
    if settings.offline and place.kind is Kind.REGISTRY:
        raise offline(place.name)
    with ExitStack() as stack:
        yield _Opening(stack, store, events, settings, CopyOptions()).source(place, place)


def _check(source: Place, target: Place, settings: RegistrySettings, options: CopyOptions) -> None:
    if options.all and Kind.STORE in {source.kind, target.kind}:
        raise UsageError("the store holds images of one platform", hint="drop --all, or copy past the store")
    if target.reference is not None and target.reference.digest is not None:
        raise UsageError(f'"{target.name}" cannot be copied to: it has a digest', hint="name a tag")
    for place in (source, target):
        if settings.offline and place.kind is Kind.REGISTRY:
            raise offline(place.name)


class _Opening:
    """Opens both places; what was opened is closed with the stack."""

    def __init__(
        self,
        stack: ExitStack,
        store: ImageStore,
        events: EventSink,
        settings: RegistrySettings,
        options: CopyOptions,
    ) -> None:
        self._stack = stack
        self._store = store
        self._events = events
        self._settings = settings
        self._options = options
        self._aborts: list[Callable[[], None]] = []

    def abort(self) -> None:
        """Make whoever waits for a registry fail."""
        for each in self._aborts:
            each()

    def source(self, place: Place, target: Place) -> ContentSource:
        """The place to copy from. `target` says how layers of the store are wanted."""
        if place.kind is Kind.REGISTRY:
            return self._registry_source(place)
        if place.kind is Kind.STORE:
            return self._store_source(place, target)
        from cais.images.layoutsource import open_folder, open_tar

        if place.kind is Kind.FOLDER:
            return self._stack.enter_context(open_folder(place.path, place.name))
        scratch = self._stack.enter_context(self._store.records.snapshots.scratch())
        return self._stack.enter_context(open_tar(place.path, place.name, scratch))

    def target(self, place: Place, source: Place) -> ContentTarget:
        """The place to copy to. An image that is not named there is called what it is called at `source`."""
        if place.kind is Kind.REGISTRY:
            return self._registry_target(place, source)
        from cais.images.layouttarget import open_folder_target, open_tar_target

        name = place.name or (str(source.reference) if source.reference is not None else source.name)
        if place.kind is Kind.FOLDER:
            return self._stack.enter_context(open_folder_target(place.path, name))
        return self._stack.enter_context(open_tar_target(place.path, name))

    def _store_source(self, place: Place, target: Place) -> ContentSource:
        from cais.images.storesource import open_image

        image = self._store.find(place.name)
        row = self._store.records.rows.image(image.id) if image is not None else None
        if row is None:
            raise NotFoundError(f'image "{place.name}" does not exist', hint="cais image ls shows what there is")
        compression = Compression.NONE if target.kind is Kind.STORE else self._options.compression
        return self._stack.enter_context(open_image(self._store.records, row, compression, packing(self._events)))

    def _registry_source(self, place: Place) -> ContentSource:
        from cais.registry.remote import MirroredSource, RegistrySource, connect

        reference = place.reference
        assert reference is not None
        sources = []
        for endpoint in endpoints(reference.registry, self._settings):
            repository = connect(endpoint, reference.repository, self._events, self._settings)
            self._stack.callback(repository.transport.close)
            self._aborts.append(repository.transport.abort)
            sources.append(RegistrySource(repository, reference.digest or reference.tag, self._settings.transfers))
        return sources[0] if len(sources) == 1 else MirroredSource(sources, self._events)

    def _registry_target(self, place: Place, source: Place) -> ContentTarget:
        from cais.registry.remote import RegistryTarget, connect

        reference, other = place.reference, source.reference
        assert reference is not None
        is_same_registry = source.kind is Kind.REGISTRY and other is not None and other.registry == reference.registry
        mounts = (other.repository,) if is_same_registry and other is not None else ()
        repository = connect(
            endpoint_of(reference.registry, self._settings),
            reference.repository,
            self._events,
            self._settings,
            actions="pull,push",
            also_from=mounts,
        )
        self._stack.callback(repository.transport.close)
        self._aborts.append(repository.transport.abort)
        chunk_bytes = self._settings.of(reference.registry).chunk_bytes
        return RegistryTarget(
            repository, reference.tag, self._settings.transfers, mounts=lambda _digest: mounts, chunk_bytes=chunk_bytes
        )
