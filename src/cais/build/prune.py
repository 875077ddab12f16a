"""Makes room: removes what the builder keeps, on request and, beyond a bound, by itself. What a running build may need stays."""

from __future__ import annotations

import os
import shutil
import time

import msgspec

from cais.build import belongings, reuse
from cais.build.eviction import Choice, Kept, Kind, choose
from cais.build.executor import BuildExecutor
from cais.build.keeping import alone
from cais.build.privatefolder import sweep_private
from cais.build.words import size_in_bytes
from cais.clock import Clock
from cais.errors import UsageError
from cais.images.protocol import ImageStore
from cais.locations import Locations

BOUND_VARIABLE = "CAIS_BUILD_CACHE"
_LEAST_BOUND = 10 << 30
_BOUND_SHARE = 10  # a tenth of the disk
_LOOK_EVERY_S = 3600.0
_ROWS_FOR_S = 60 * 24 * 3600.0
_STAMP = ".looked"


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """What was removed. `held_by_build`: nothing was, because a build runs."""

    removed: tuple[Kept, ...] = ()
    swept: int = 0
    held_by_build: bool = False

    @property
    def freed_bytes(self) -> int:
        """What it took on disk."""
        return sum(each.size_bytes for each in self.removed)


def prune(
    choice: Choice,
    *,
    store: ImageStore,
    executor: BuildExecutor,
    locations: Locations,
    clock: Clock,
    everything: bool = False,
    dry_run: bool = False,
) -> Pruned:
    """Remove what `choice` says, and what crashed builds left. `everything`: also what is known of files and earlier runs, which takes
    next to no room."""
    if dry_run:
        return Pruned(removed=choose(belongings.everything(store, locations.build), choice))
    with alone(locations.build) as is_alone:
        if not is_alone:
            return Pruned(held_by_build=True)
        removed = choose(belongings.everything(store, locations.build), choice)
        for each in removed:
            if each.kind is not Kind.LAYER:
                belongings.remove(each)
        layers = [each.id for each in removed if each.kind is Kind.LAYER]
        now = clock.now()
        collected = store.drop_cached(layers, before=now if everything else now - _ROWS_FOR_S)
        reuse.sweep(locations.build, {each.id for each in store.cache_layers()})
        if everything:
            shutil.rmtree(os.path.join(locations.build, "digests"), ignore_errors=True)
        executor.sweep()
        swept = belongings.sweep(locations.build) + sweep_private(locations.run)
    return Pruned(removed=removed, swept=swept, held_by_build=not collected)


def keep_bound(
    bound_bytes: int, *, store: ImageStore, executor: BuildExecutor, locations: Locations, clock: Clock
) -> Pruned | None:
    """Remove what was unused for longest until the rest takes no more than the bound; None when that was looked at a while ago."""
    stamp = os.path.join(locations.build, _STAMP)
    try:
        if time.time() - os.stat(stamp).st_mtime < _LOOK_EVERY_S:
            return None
    except FileNotFoundError:  # never looked at
        pass
    choice = Choice(most_bytes=bound_bytes)
    pruned = prune(choice, store=store, executor=executor, locations=locations, clock=clock)
    if not pruned.held_by_build:
        with open(stamp, "wb"):
            os.utime(stamp)
    return pruned


def bound_of(text: str | None, folder: str) -> int:
    """The bound that `text` says in bytes (`20g`), else a tenth of the disk, and 10 GB where that is less. Raises UsageError."""
    if not text:
        space = os.statvfs(folder)
        return max(_LEAST_BOUND, space.f_blocks * space.f_frsize // _BOUND_SHARE)
    size = size_in_bytes(text)
    if size is None:
        raise UsageError(f'{BOUND_VARIABLE} is "{text}"', hint="write a size such as 20g")
    return size
