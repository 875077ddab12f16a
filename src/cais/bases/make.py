"""Carries out a recipe: parent first, once for all processes, nothing half made is ever named."""

from __future__ import annotations

import functools
import os
import shutil
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from cais import decoding
from cais.bases import archive as apt
from cais.bases import catalogue
from cais.bases.labels import finished_config
from cais.bases.recipe import Method, Operation, Recipe, revision
from cais.bases.sandbox import Root
from cais.bases.scrub import content_time, scrub
from cais.durable import free_bytes, locked
from cais.errors import NoSpace, PermissionNeeded, PullError
from cais.events import EventSink, OutputEvent, Phase, StepEvent
from cais.images.model import ImageConfig, StoredImage
from cais.images.protocol import ImageStore
from cais.locations import Locations

Result = TypeVar("Result")

# Measured for debian:trixie-slim (343 MiB at the most: package lists, packages, root) and postgres:17 over it (231).
ROOM_BYTES, ROOM_WITH_PARENT_BYTES = 350 << 20, 200 << 20


def make(recipe: Recipe, store: ImageStore, *, events: EventSink, locations: Locations) -> StoredImage:
    """The image of `recipe`, made now unless it is in `store`. Any number of processes may ask at once: one makes it, the others wait.

    A killed process leaves nothing that is used; asking again makes the image. Raises PullError when the mirror does not give the packages,
    HostError when the machine lacks something, NoSpace.
    """
    folder = os.path.join(locations.build, "bases")
    workspace = os.path.join(folder, recipe.name)
    os.makedirs(workspace, exist_ok=True)
    with locked(os.path.join(folder, f"{recipe.name}.lock")):
        found = _find(recipe, store)
        if found is not None:
            return found
        if os.geteuid() != 0:
            raise PermissionNeeded(
                f'making the base image "{recipe.references[0]}" needs root',
                hint="run the command as root once, or: cais image import",
            )
        parent = (
            make(catalogue.by_name(recipe.parent), store, events=events, locations=locations) if recipe.parent else None
        )
        check_room(recipe, free_bytes(folder))
        image = _Making(recipe, store, events, folder, workspace).image(parent)
        shutil.rmtree(workspace, ignore_errors=True)
        return image


def check_room(recipe: Recipe, free: int) -> None:
    """Raise NoSpace when not even a small base fits. Asked before: on a full disk apt-get waits for ever for what it could not write."""
    needed = ROOM_WITH_PARENT_BYTES if recipe.parent else ROOM_BYTES
    if free < needed:
        raise NoSpace(
            f'no space left for the base image "{recipe.references[0]}": making it takes {needed >> 20} MiB, and {free >> 20} MiB are free',
            hint="free some: cais image prune, cais builder prune; or have CAIS_ROOT on another disk",
        )


def chain_revision(recipe: Recipe) -> str:
    """The revision of a recipe with its ancestors'."""
    return revision(recipe, chain_revision(catalogue.by_name(recipe.parent)) if recipe.parent else "")


def _cache_key(recipe: Recipe) -> str:
    return f"base:{recipe.name}:{chain_revision(recipe)}"


def _find(recipe: Recipe, store: ImageStore) -> StoredImage | None:
    facts = store.get_cached(_cache_key(recipe))
    if facts is None:
        return None
    found = store.find(facts["image"])
    if found is None:
        # The image was removed while something else kept its snapshot: only the record is missing.
        found = store.create(decoding.decode(facts["config"], ImageConfig), facts["snapshot"])
    return _named(recipe, store, found)


def _named(recipe: Recipe, store: ImageStore, image: StoredImage) -> StoredImage:
    """`image` under the recipe's name, unless the name is taken: an image that was pulled keeps its name."""
    name = recipe.references[0]
    if store.find(name) is not None:
        return image
    store.tag(image.id, name)
    return store.find(image.id) or image


class _Making:
    """One recipe being carried out."""

    def __init__(self, recipe: Recipe, store: ImageStore, events: EventSink, folder: str, workspace: str) -> None:
        self._recipe = recipe
        self._store = store
        self._events = events
        self._folder = folder
        self._workspace = workspace
        self._step = 0

    def image(self, parent: StoredImage | None) -> StoredImage:
        recipe = self._recipe
        archive = apt.find_archive(recipe.suite, self._folder)
        began = time.time()
        epoch_s = self._do(
            f"read the package lists of Debian {recipe.suite}", lambda: apt.prepare(archive, self._output)
        )
        with self._store.snapshots.prepare(parent.chain_ids[-1] if parent else "") as prepared:
            try:
                self._fill(archive, Root(prepared.merged, self._output, epoch_s))
            except PullError:
                apt.forget_lists(archive)
                raise
            scrub(prepared.merged)
            versions = apt.installed_versions(prepared.merged)
            # Not the time of making: the same packages must give the same layer.
            bootstrapped = recipe.method is Method.BOOTSTRAP
            content_epoch_s = content_time(prepared.upper, began) if bootstrapped else apt.packed_time(self._workspace)
            content_epoch_s = content_epoch_s or epoch_s
            snapshot_id = self._do("keep the layer", lambda: prepared.commit(epoch_s=content_epoch_s))
        config = finished_config(recipe, parent, versions, content_epoch_s)
        image = self._do("record the image", lambda: self._store.create(config, snapshot_id))
        self._remember(image, config, snapshot_id)
        return _named(recipe, self._store, image)

    def _fill(self, archive: apt.Archive, root: Root) -> None:
        recipe = self._recipe
        if recipe.method is Method.BOOTSTRAP:
            self._do(
                f"bootstrap Debian {recipe.suite}",
                lambda: apt.bootstrap(archive, root, recipe.dpkg_options, self._workspace),
            )
            apt.image_sources(archive, root.path).apply(root)
        self._apply(recipe.before, root)
        if recipe.packages:
            put = apt.assemble if recipe.method is Method.ASSEMBLE else apt.install
            self._do(
                f"install {' '.join(recipe.packages)}",
                lambda: put(archive, root, recipe.packages, self._workspace),
            )
        for part in recipe.parts:
            self._do(part.describe(), functools.partial(apt.unpack, archive, root, part, self._workspace))
        self._apply(recipe.after, root)

    def _apply(self, operations: Sequence[Operation], root: Root) -> None:
        for operation in operations:
            self._do(operation.describe(), functools.partial(operation.apply, root))

    def _do(self, name: str, work: Callable[[], Result]) -> Result:
        """Run `work` as a numbered step: its beginning, end and duration are events."""
        self._step += 1
        began = time.monotonic()
        self._tell(name, Phase.WORKING, began)
        try:
            result = work()
        except BaseException:
            self._tell(name, Phase.ERROR, began)
            raise
        self._tell(name, Phase.DONE, began)
        return result

    def _tell(self, name: str, phase: Phase, began: float) -> None:
        self._events.emit(
            StepEvent(
                build=self._recipe.references[0],
                step=self._step,
                name=name,
                phase=phase,
                elapsed_s=time.monotonic() - began,
            )
        )

    def _output(self, chunk: bytes) -> None:
        text = chunk.decode(errors="replace")
        self._events.emit(OutputEvent(build=self._recipe.references[0], step=self._step, text=text))

    def _remember(self, image: StoredImage, config: ImageConfig, snapshot_id: str) -> None:
        facts = {"image": image.id, "config": msgspec.json.encode(config).decode()}
        self._store.put_cached(_cache_key(self._recipe), snapshot_id, facts)
