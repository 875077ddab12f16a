"""An image from anywhere into the store: the manifest for the platform, the config, and the layers that the store lacks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

import msgspec

from cais.digest import Digest, parse_digest
from cais.errors import InvalidImage, Problem
from cais.events import EventSink
from cais.images.arrival import ArrivingLayer, OpenBlob, check_layer_count, missing_layers, take_layers
from cais.images.content import ContentSource
from cais.images.documents import decode_config
from cais.images.model import ImageConfig, Manifest, StoredImage
from cais.images.platforms import Platform
from cais.images.store import ImageStore
from cais.images.tarread import ByteSource
from cais.registry.ofplatform import of_platform
from cais.registry.receive import receiving
from cais.registry.retry import DEFAULT_RETRY, RetryPolicy


class Taken(msgspec.Struct, frozen=True):
    """What was taken: the image, its manifest, and the digest of the manifest or index it was asked for by."""

    image: StoredImage
    manifest: Manifest
    digest: Digest


def take(
    source: ContentSource,
    store: ImageStore,
    references: Sequence[str],
    platform: Platform,
    events: EventSink,
    *,
    abort: Callable[[], None] = lambda: None,
    policy: RetryPolicy = DEFAULT_RETRY,
) -> Taken:
    """File the image of `source` for `platform` under `references`. Layers that the store has are not asked for.

    Raises InvalidImage for content that is not as said, and what `source` raises.
    """
    root = source.root()
    _, manifest = of_platform(source, root, platform)
    data = source.document(manifest.config)
    config = decode_config(data)
    _check_platform(config, platform)
    check_layer_count(config, len(manifest.layers))
    diff_ids = [parse_digest(diff_id) for diff_id in config.rootfs.diff_ids]
    for descriptor in manifest.layers:
        parse_digest(descriptor.digest)  # it names a file of ours
    records = store.records
    with records.lease.writing():
        lacking = [
            descriptor
            for descriptor, is_missing in zip(manifest.layers, missing_layers(records, diff_ids), strict=True)
            if is_missing
        ]
        wanted = list({each.digest: each for each in lacking}.values())
        records.blobs.check_room(sum(each.size for each in wanted if not records.blobs.has(each.digest)))
        with receiving(source, records.blobs, wanted, events, abort=abort, policy=policy) as coming:
            followers: dict[str, OpenBlob] = {
                each.digest: blob.follow for each, blob in zip(wanted, coming, strict=True)
            }
            layers = [
                ArrivingLayer(descriptor, diff_id, followers.get(descriptor.digest, _never), is_kept=True)
                for descriptor, diff_id in zip(manifest.layers, diff_ids, strict=True)
            ]
            rows = take_layers(records, layers)
        return Taken(records.record(data, rows, references, None), manifest, root.digest)


def _check_platform(config: ImageConfig, wanted: Platform) -> None:
    found = Platform(os=config.os, architecture=config.architecture, variant=config.variant)
    if not found.fits(wanted):
        raise InvalidImage(
            [Problem(f"the image is for {found}, not for {wanted}", hint="choose another tag or platform")]
        )


def _never() -> contextlib.AbstractContextManager[ByteSource]:
    raise AssertionError("a layer that the store has is not read")
