"""A reference to an image in the store: manifest, choice of the platform, config, and the layers that the store lacks."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cais.digest import Digest, parse_digest, short_id
from cais.errors import InvalidImage, MissingTool, Problem
from cais.events import BytesEvent, EventSink, MessageEvent, Phase, ResourceEvent
from cais.images.model import Descriptor, ImageConfig, Manifest, StoredImage
from cais.images.platforms import Platform, host_platform
from cais.images.reference import Reference
from cais.images.store import ImageStore
from cais.registry.errors import NotInRegistry, RegistryUnreachable, offline
from cais.registry.settings import Endpoint, RegistrySettings, endpoints

if TYPE_CHECKING:  # see transport.py
    from cais.images.tarread import ByteSource
    from cais.registry.client import Repository
    from cais.registry.credentials import Credentials

_MAX_INDEX_DEPTH = 3
_EVENT_BYTES = 1 << 20


def pull(
    reference: Reference,
    store: ImageStore,
    *,
    events: EventSink,
    platform: Platform | None = None,
    settings: RegistrySettings,
) -> StoredImage:
    """Fetch an image (for this machine's platform unless told) and file it under `reference`.

    Layers are verified and unpacked while they come; those the store has are not asked for, so a pull that broke off goes on where it was.
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
    from cais.images.arrival import ArrivingLayer, check_layer_count, take_layers
    from cais.images.documents import decode_config

    repository = connect(endpoint, reference.repository, events, settings)
    manifest = _manifest(repository, reference.digest or reference.tag, platform, 0)
    data = repository.document(parse_digest(manifest.config.digest))
    config = decode_config(data)
    _check_platform(config, platform)
    check_layer_count(config, len(manifest.layers))
    layers = [
        ArrivingLayer(descriptor, parse_digest(diff_id), functools.partial(_layer, repository, descriptor, events))
        for descriptor, diff_id in zip(manifest.layers, config.rootfs.diff_ids, strict=True)
    ]
    with store.records.lease.writing():
        rows = take_layers(store.records, layers)
        return store.records.record(data, rows, [str(reference)], None)


def connect(endpoint: Endpoint, name: str, events: EventSink, settings: RegistrySettings) -> Repository:
    """The repository `name` as `endpoint` has it. Nothing is asked yet."""
    from cais.registry.client import Repository
    from cais.registry.credentials import find_credentials
    from cais.registry.transport import Transport

    def find() -> Credentials | None:
        try:
            return find_credentials(endpoint.registry, settings.docker_config) if settings.docker_config else None
        except MissingTool as error:  # most images are public: go on without, as Docker does
            events.emit(MessageEvent(phase=Phase.WARNING, text=f"{error.message}; going on without credentials"))
            return None

    return Repository(Transport(endpoint, settings), name, find)


def _manifest(repository: Repository, tag_or_digest: str, platform: Platform, depth: int) -> Manifest:
    from cais.images.index import choose, decode_manifest

    document = decode_manifest(repository.manifest(tag_or_digest))
    if isinstance(document, Manifest):
        return document
    if depth == _MAX_INDEX_DEPTH:
        raise InvalidImage([Problem("the registry's indexes are nested too deeply")])
    return _manifest(repository, parse_digest(choose(document, platform).digest), platform, depth + 1)


def _check_platform(config: ImageConfig, wanted: Platform) -> None:
    found = Platform(os=config.os, architecture=config.architecture, variant=config.variant)
    if not found.fits(wanted):
        raise InvalidImage(
            [Problem(f"the image is for {found}, not for {wanted}", hint="choose another tag or platform")]
        )


@contextlib.contextmanager
def _layer(repository: Repository, descriptor: Descriptor, events: EventSink) -> Iterator[ByteSource]:
    # Its digest and size are verified by whoever takes it in, as it streams.
    digest = parse_digest(descriptor.digest)
    with repository.blob(digest) as answer:
        yield _Reporting(answer, digest, descriptor.size, events)


class _Reporting:
    """Tells of a layer's progress, once a megabyte."""

    def __init__(self, stream: ByteSource, digest: Digest, total: int, events: EventSink) -> None:
        self._stream = stream
        self._name = short_id(digest)
        self._total = total
        self._events = events
        self._seen = 0
        self._told = 0

    def read(self, count: int) -> bytes:
        piece = self._stream.read(count)
        self._seen += len(piece)
        if self._seen - self._told >= _EVENT_BYTES or (not piece and self._told < self._seen):
            self._told = self._seen
            self._events.emit(BytesEvent(kind="layer", name=self._name, done=self._seen, total=self._total))
        return piece
