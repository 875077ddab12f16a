"""A reference to an image in the store, from the registry it names or a mirror of that."""

from __future__ import annotations

from cais.events import EventSink, MessageEvent, Phase, ResourceEvent
from cais.images.model import StoredImage
from cais.images.platforms import Platform, host_platform
from cais.images.reference import Reference
from cais.images.store import ImageStore
from cais.registry.errors import NotInRegistry, RegistryUnreachable, offline
from cais.registry.settings import Endpoint, RegistrySettings, endpoints


def pull(
    reference: Reference,
    store: ImageStore,
    *,
    events: EventSink,
    platform: Platform | None = None,
    settings: RegistrySettings,
) -> StoredImage:
    """Fetch an image (for this machine's platform unless told) and file it under `reference`.

    Layers are verified and unpacked while they come; those the store has are not asked for, and a pull that broke off goes on where it was.
    Raises RegistryUnreachable when nobody answers, NotInRegistry, other PullErrors, and InvalidImage for wrong content.
    """
    if settings.offline:
        raise offline(reference.familiar)
    events.emit(ResourceEvent(kind="Image", name=reference.familiar, phase=Phase.WORKING, status="Pulling"))
    *mirrors, last = endpoints(reference.registry, settings)
    for endpoint in mirrors:
        try:
            image = _pull_from(endpoint, reference, store, events, platform or host_platform(), settings)
        except (RegistryUnreachable, NotInRegistry) as error:
            events.emit(MessageEvent(phase=Phase.WARNING, text=f"mirror passed over: {error.message}"))
        else:
            break
    else:
        image = _pull_from(last, reference, store, events, platform or host_platform(), settings)
    events.emit(ResourceEvent(kind="Image", name=reference.familiar, phase=Phase.DONE, status="Pulled"))
    return image


def _pull_from(
    endpoint: Endpoint,
    reference: Reference,
    store: ImageStore,
    events: EventSink,
    platform: Platform,
    settings: RegistrySettings,
) -> StoredImage:
    from cais.registry.remote import RegistrySource, connect
    from cais.registry.take import take

    repository = connect(endpoint, reference.repository, events, settings)
    try:
        source = RegistrySource(repository, reference.digest or reference.tag, settings.transfers)
        taken = take(source, store, [str(reference)], platform, events, abort=repository.transport.abort)
    finally:
        repository.transport.close()
    return taken.image
