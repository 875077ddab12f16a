"""A reference to an image in the store, from the registry it names or a mirror of that."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import msgspec

from cais.digest import Digest
from cais.events import EventSink, MessageEvent, Phase, ResourceEvent
from cais.images.model import StoredImage
from cais.images.platforms import Platform, host_platform
from cais.images.reference import Reference
from cais.images.store import ImageStore
from cais.registry.errors import NotInRegistry, Refused, RegistryUnreachable, offline
from cais.registry.remember import remember
from cais.registry.settings import Endpoint, RegistrySettings, endpoints

if TYPE_CHECKING:  # see connections.py
    from cais.registry.client import Repository


class Pulled(msgspec.Struct, frozen=True):
    """The image, the digest the registry knows it by (of a manifest or an index), and whether the store did not have it under this name."""

    image: StoredImage
    digest: Digest
    is_new: bool


def pull(
    reference: Reference,
    store: ImageStore,
    *,
    events: EventSink,
    platform: Platform | None = None,
    settings: RegistrySettings,
) -> Pulled:
    """Fetch an image (for this machine's platform unless told) and file it under `reference`.

    Layers are verified and unpacked while they come; those the store has are not asked for, and a pull that broke off goes on where it was.
    Raises RegistryUnreachable when nobody answers, NotInRegistry, other PullErrors, and InvalidImage for wrong content.
    """
    if settings.offline:
        raise offline(reference.familiar)
    events.emit(ResourceEvent(kind="Image", name=reference.familiar, phase=Phase.WORKING, status="Pulling"))
    wanted = _Wanted(reference, platform or host_platform())
    *mirrors, last = endpoints(reference.registry, settings)
    for endpoint in mirrors:
        try:
            pulled = _pull_from(endpoint, wanted, store, events, settings)
        except (RegistryUnreachable, NotInRegistry) as error:
            events.emit(MessageEvent(phase=Phase.WARNING, text=f"mirror passed over: {error.message}"))
        else:
            break
    else:
        pulled = _pull_from(last, wanted, store, events, settings)
    events.emit(ResourceEvent(kind="Image", name=reference.familiar, phase=Phase.DONE, status="Pulled"))
    return pulled


class _Wanted(msgspec.Struct, frozen=True):
    reference: Reference
    platform: Platform


def _pull_from(
    endpoint: Endpoint, wanted: _Wanted, store: ImageStore, events: EventSink, settings: RegistrySettings
) -> Pulled:
    from cais.registry.remote import RegistrySource, connect
    from cais.registry.take import take

    reference = wanted.reference
    repository = connect(endpoint, reference.repository, events, settings)
    with contextlib.closing(repository.transport):
        present = store.find(str(reference))
        if present is not None and (digest := _unchanged(repository, wanted, present, store)):
            remember(store, present.id, reference.name, digest, None)
            return Pulled(present, digest, is_new=False)
        source = RegistrySource(repository, reference.digest or reference.tag, settings.transfers)
        taken = take(
            source,
            store,
            [str(reference)],
            wanted.platform,
            events,
            abort=repository.transport.abort,
            policy=settings.retry,
        )
    is_the_registry = endpoint.registry == reference.registry
    remember(store, taken.image.id, reference.name, taken.digest, taken.manifest if is_the_registry else None)
    return Pulled(taken.image, taken.digest, is_new=present is None or present.id != taken.image.id)


def _unchanged(repository: Repository, wanted: _Wanted, present: StoredImage, store: ImageStore) -> Digest | None:
    """The digest of what the registry has, if that is what is here: asked by its head alone, which most registries do not count as a pull."""
    config = present.config
    if not Platform(os=config.os, architecture=config.architecture, variant=config.variant).fits(wanted.platform):
        return None
    try:
        digest = repository.head(wanted.reference.digest or wanted.reference.tag)
    except Refused:  # it knows no HEAD: the whole manifest has to be got
        return None
    known = store.records.known.digests_of(present.id)
    return digest if f"{wanted.reference.name}@{digest}" in known else None
