"""An image of the store to the registry its name tells."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from cais.digest import Digest
from cais.errors import NotFoundError, PullError, UsageError
from cais.events import EventSink, Phase, ResourceEvent
from cais.images.compress import Compression
from cais.images.index import decode_manifest
from cais.images.model import Manifest
from cais.images.reference import Reference
from cais.images.rows import ImageRow
from cais.images.store import ImageStore
from cais.registry.errors import PushError, push_error
from cais.registry.remember import remember
from cais.registry.settings import RegistrySettings, endpoint_of

_MOST_MOUNTS = 3


def push(
    reference: Reference,
    store: ImageStore,
    *,
    events: EventSink,
    settings: RegistrySettings,
    compression: Compression = Compression.GZIP,
) -> Digest:
    """Give the image that `reference` names to its registry; the digest of its manifest there.

    Layers that the repository has are not sent, those that another repository of the registry is known to have are asked to be mounted.
    Raises NotFoundError, UsageError for a name with a digest, PushError, InvalidImage for a damaged layer.
    """
    if reference.digest is not None:
        raise UsageError(f'"{reference.familiar}" cannot be pushed: it has a digest', hint="push it by its tag")
    image = store.records.rows.image_of_reference(reference.key)
    if image is None:
        raise NotFoundError(
            f'image "{reference.familiar}" does not exist', hint=f"cais image tag IMAGE {reference.familiar}"
        )
    if settings.offline:
        raise PushError(f'image "{reference.familiar}" was not pushed: registries are not asked (offline)')
    events.emit(ResourceEvent(kind="Image", name=reference.familiar, phase=Phase.WORKING, status="Pushing"))
    try:
        digest = _push(reference, image, store, events, settings, compression)
    except PullError as error:
        raise push_error(reference.familiar, error) from error
    events.emit(ResourceEvent(kind="Image", name=reference.familiar, phase=Phase.DONE, status="Pushed"))
    return digest


def _push(
    reference: Reference,
    image: ImageRow,
    store: ImageStore,
    events: EventSink,
    settings: RegistrySettings,
    compression: Compression,
) -> Digest:
    from cais.images.storesource import open_image
    from cais.registry.copy import copy
    from cais.registry.progress import packing
    from cais.registry.remote import RegistryTarget, connect

    known = store.records.known
    with open_image(store.records, image, compression, packing(events)) as source:
        sources = _possible_sources(store, image, source.blobs(), reference)
        endpoint = endpoint_of(reference.registry, settings)
        repository = connect(endpoint, reference.repository, events, settings, actions="pull,push", also_from=sources)
        target = RegistryTarget(
            repository,
            reference.tag,
            settings.transfers,
            mounts=lambda digest: [
                name for name in known.repositories_with(digest, reference.registry) if name in sources
            ],
            chunk_bytes=settings.of(reference.registry).chunk_bytes,
        )
        with contextlib.closing(repository.transport):
            content = copy(source, target, events, platform=None, abort=repository.transport.abort)
    manifest = decode_manifest(content.data)
    assert isinstance(manifest, Manifest)
    remember(store, image.id, reference.name, content.digest, manifest)
    return content.digest


def _possible_sources(
    store: ImageStore, image: ImageRow, blobs: Sequence[Digest], reference: Reference
) -> tuple[str, ...]:
    """The repositories of the same registry that have most of the image's blobs: what may be mounted from them is not sent."""
    counts: dict[str, int] = {}
    for digest in (image.id, *blobs):
        for name in store.records.known.repositories_with(digest, reference.registry):
            if name != reference.repository:
                counts[name] = counts.get(name, 0) + 1
    return tuple(sorted(counts, key=lambda name: (-counts[name], name))[:_MOST_MOUNTS])
