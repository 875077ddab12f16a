"""OCI images as typed values (OCI image specification: descriptor, manifest, config, index)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cais.digest import Digest

MEDIA_INDEX = "application/vnd.oci.image.index.v1+json"
MEDIA_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MEDIA_CONFIG = "application/vnd.oci.image.config.v1+json"
MEDIA_LAYER = "application/vnd.oci.image.layer.v1.tar"
MEDIA_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
MEDIA_LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_MANIFEST_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"


class Descriptor(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A pointer to content: media type, digest, size in bytes."""

    media_type: str
    digest: Digest
    size: int
    annotations: Mapping[str, str] = {}


class HealthConfig(msgspec.Struct, frozen=True, kw_only=True, rename="pascal", omit_defaults=True):
    """Docker's `Healthcheck` of an image config; times in nanoseconds, 0 for the default."""

    test: tuple[str, ...] = ()
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


class RunConfig(msgspec.Struct, frozen=True, kw_only=True, rename="pascal", omit_defaults=True):
    """The `config` member of an image config: how a container of the image runs (OCI config.md, with Docker's extensions)."""

    user: str = ""
    exposed_ports: Mapping[str, Mapping[str, str]] = {}
    env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    volumes: Mapping[str, Mapping[str, str]] = {}
    working_dir: str = ""
    labels: Mapping[str, str] = {}
    stop_signal: str = ""
    healthcheck: HealthConfig | None = None
    on_build: tuple[str, ...] = ()
    shell: tuple[str, ...] | None = None
    args_escaped: bool = False


class RootFS(msgspec.Struct, frozen=True, kw_only=True):
    """The layers of an image, bottom first, as digests of their uncompressed tars."""

    diff_ids: tuple[Digest, ...] = ()
    type: str = "layers"


class History(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of an image's history."""

    created: str = ""
    created_by: str = ""
    comment: str = ""
    author: str = ""
    empty_layer: bool = False


class ImageConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An image config; its digest is the image ID. `os` names follow OCI."""

    architecture: str
    os: str
    config: RunConfig = RunConfig()
    rootfs: RootFS = RootFS()
    history: tuple[History, ...] = ()
    created: str = ""
    author: str = ""
    variant: str = ""


class Manifest(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename={"schema_version": "schemaVersion", "media_type": "mediaType"},
):
    """An image manifest. Its defaults are written: `schemaVersion` and `mediaType` must stand there."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    schema_version: int = msgspec.field(default=2)
    media_type: str = MEDIA_MANIFEST
    annotations: Mapping[str, str] = {}


class StoredImage(msgspec.Struct, frozen=True, kw_only=True):
    """An image in the store. `id` is the digest of the config; `chain_ids` name its snapshots, bottom first (one a layer).

    `snapshot_paths` are the unpacked layer folders, bottom first: what an overlay takes, reversed, as lower directories.
    """

    id: Digest
    config: ImageConfig
    chain_ids: tuple[str, ...]
    snapshot_paths: tuple[str, ...]
    references: tuple[str, ...]
    size_bytes: int
    created_at: float
