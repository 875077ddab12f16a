"""Which content a registry has under a name now, without fetching it."""

from __future__ import annotations

import msgspec

from cais.digest import digest_bytes
from cais.events import EventSink
from cais.images.reference import Reference
from cais.registry.errors import NotInRegistry, RegistryUnreachable, offline
from cais.registry.pull import connect
from cais.registry.settings import RegistrySettings, endpoints


def with_digest(reference: Reference, settings: RegistrySettings, events: EventSink) -> Reference:
    """`reference` with the digest of what its registry (or a mirror of it) has under its tag. Raises PullError."""
    if reference.digest is not None:
        return reference
    if settings.offline:
        raise offline(reference.familiar)
    *mirrors, last = endpoints(reference.registry, settings)
    for endpoint in mirrors:
        try:
            data = connect(endpoint, reference.repository, events, settings).manifest(reference.tag)
        except (RegistryUnreachable, NotInRegistry):
            continue  # as when pulling: a mirror need not have everything
        break
    else:
        data = connect(last, reference.repository, events, settings).manifest(reference.tag)
    return msgspec.structs.replace(reference, digest=digest_bytes(data))
