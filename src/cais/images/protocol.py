"""The store's contract, as its users (build, bases, engine, cli) see it. `images.store.ImageStore` implements it.

Snapshots are the truth while an image is local; layers are made into tar only when something asks for a digest (`diff IDs`), an archive
or a push. A snapshot's chain ID (OCI image config, "Layer ChainID") is defined by diff IDs, so until a layer's tar was made it stands
under a provisional id that only this store knows. Callers treat ids as opaque.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from cais.digest import Digest
from cais.images.cachelayers import CacheLayer
from cais.images.model import ImageConfig, StoredImage


class Snapshots(Protocol):
    """Layer folders in overlayfs form (whiteouts as 0/0 devices, opaque folders as trusted.overlay.opaque=y).

    A snapshot is immutable once committed. Its name is `chain_id`; `parent` is "" for a bottom layer.
    """

    def path(self, snapshot_id: str) -> str:
        """The folder with the layer's content. Raises NotFoundError."""

    def chain(self, snapshot_id: str) -> tuple[str, ...]:
        """Ids from the bottom to `snapshot_id`."""

    def paths(self, snapshot_id: str) -> tuple[str, ...]:
        """The folders of the chain, bottom first."""

    def prepare(
        self, parent: str, *, over: Sequence[str] = (), like: str = ""
    ) -> AbstractContextManager[PreparedSnapshot]:
        """A writable layer on `parent` ("" for scratch), overlay-mounted for the block; thrown away unless committed.

        `over` are folders in overlay form, bottom first, that are seen above the parent while it is mounted and belong to no layer.
        `like` is a snapshot with the same parent: the layer begins with its files, as hard links that must be replaced, not written to.
        """

    def unpacking(self, parent: str) -> AbstractContextManager[PreparedSnapshot]:
        """A layer on `parent` that is filled in overlay form: `upper` (the same as `merged`) begins empty, nothing is mounted."""


class PreparedSnapshot(Protocol):
    """A writable layer being made."""

    @property
    def merged(self) -> str:
        """The mounted root file system: what a RUN or COPY works on."""

    @property
    def upper(self) -> str:
        """The folder that becomes the layer."""

    def commit(self, *, epoch_s: int | None = None, fold: bool = False) -> str:
        """Unmount, normalise (times above `epoch_s` are clamped to it when the tar is made), make durable, and return the new snapshot's id.

        `fold` drops empty folders that are as they are below: mount points were made and removed in them.
        """


class ImageStore(Protocol):
    """Images, references, snapshots."""

    @property
    def snapshots(self) -> Snapshots:
        """The layer folders."""

    def find(self, reference_or_id: str) -> StoredImage | None:
        """By reference (normalised as Docker does: `nginx` is `docker.io/library/nginx:latest`), id, or unique id prefix; None when absent."""

    def images(self) -> tuple[StoredImage, ...]:
        """Every image with at least one reference, and untagged ones, newest first."""

    def create(
        self, config: ImageConfig, snapshot_id: str, *, references: Sequence[str] = (), created_at: float | None = None
    ) -> StoredImage:
        """Record an image made of `snapshot_id`'s chain ("" for none); fills `config.rootfs.diff_ids` (so the layers' tars are digested now)."""

    def tag(self, image_id: Digest, reference: str) -> None:
        """Point `reference` at an image; moves it when it pointed elsewhere."""

    def untag(self, reference: str) -> Digest | None:
        """Remove a reference; the id it pointed to, None when it did not exist."""

    def remove(self, image_id: Digest, *, force: bool = False) -> tuple[str, ...]:
        """Remove an image, its references and the snapshots nothing else needs; what was removed, in words. Raises Conflict when in use."""

    def import_root(
        self,
        source: str,
        config: ImageConfig,
        *,
        references: Sequence[str],
        on_bytes: Callable[[int], None] | None = None,
    ) -> StoredImage:
        """Make a one-layer image of a folder or a tar file (gzip, zstd, xz or plain), read as hostile input."""

    def save(self, references: Sequence[str], path: str) -> None:
        """Write an archive that `docker load` takes (OCI layout plus manifest.json)."""

    def load(self, path: str, *, on_bytes: Callable[[int], None] | None = None) -> tuple[StoredImage, ...]:
        """Read an archive written by `save`, `docker save` or an OCI layout tar."""

    def get_cached(self, key: str) -> Mapping[str, str] | None:
        """A build cache row by cache key: what the builder stored, or None. Rows whose snapshot is gone are not returned."""

    def put_cached(self, key: str, snapshot_id: str, facts: Mapping[str, str]) -> None:
        """Keep a build cache row; `facts` come back with `snapshot_id` added under "snapshot"."""

    def cached_with_prefix(self, prefix: str) -> tuple[Mapping[str, str], ...]:
        """The build cache rows whose key begins with `prefix`, the newest first, as `get_cached` gives them."""

    def touch_cached(self, keys: Iterable[str]) -> None:
        """Build cache rows are used: what has not been for long goes first when room is made."""

    def cache_layers(self) -> tuple[CacheLayer, ...]:
        """The layers that the build cache leads to, each after its parent."""

    def drop_cached(self, snapshot_ids: Iterable[str], *, before: float | None = None) -> bool:
        """Forget build cache layers and the rows that lead to them, and rows without a layer that were last used before a time; then remove
        what nothing needs. False when somebody else makes layers, so that nothing could be removed yet."""
