"""Which content a registry has under a name now, without fetching it."""

from __future__ import annotations

import contextlib

import msgspec

from cais.digest import Digest
from cais.events import EventSink
from cais.images.reference import Reference
from cais.registry.errors import NotInRegistry, RegistryUnreachable, offline
from cais.registry.remote import connect
from cais.registry.settings import Endpoint, RegistrySettings, endpoints


def with_digest(reference: Reference, settings: RegistrySettings, events: EventSink) -> Reference:
    """`reference` with the digest of what its registry (or a mirror of it) has under its tag. Raises PullError."""
    if reference.digest is not None:
        return reference
    if settings.offline:
        raise offline(reference.familiar)
    *mirrors, last = endpoints(reference.registry, settings)
    for endpoint in mirrors:
        try:
            digest = _digest(endpoint, reference, settings, events)
        except (RegistryUnreachable, NotInRegistry):
            continue  # as when pulling: a mirror need not have everything
        break
    else:
        digest = _digest(last, reference, settings, events)
    return msgspec.structs.replace(reference, digest=digest)


def _digest(endpoint: Endpoint, reference: Reference, settings: RegistrySettings, events: EventSink) -> Digest:
    repository = connect(endpoint, reference.repository, events, settings)
    with contextlib.closing(repository.transport):
        return repository.manifest(reference.tag).digest
