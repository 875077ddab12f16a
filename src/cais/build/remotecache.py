"""A build cache elsewhere (`--cache-from`, `--cache-to`): what earlier builds made, in an OCI folder or in a registry.

Each chain of layers is an image whose label LABEL says which cache keys lead to which of its layers. So a cache is an ordinary image (an
index of several with mode=max), which any registry keeps and any tool can look at. Its layers are fetched when the first key fits.
Who can write to a cache decides what is in the images built with it, as with BuildKit's.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from cais import decoding
from cais.errors import CaisError, UsageError
from cais.events import EventSink, MessageEvent, Phase
from cais.images.model import StoredImage
from cais.images.protocol import ImageStore

LABEL = "cais.build-cache"
_FIELDS = {"local": ("src", "dest", "mode"), "registry": ("ref", "mode")}
_MODES = ("min", "max")


class CachePlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a cache is: the path of a folder, or a name in a registry. `everything`: all stages (mode=max), not only what the image stands on."""

    folder: str = ""
    reference: str = ""
    everything: bool = False

    @property
    def shown(self) -> str:
        """How messages call it."""
        return self.folder or self.reference


class Row(msgspec.Struct, frozen=True, array_like=True):
    """A cache key, how many layers its result has, and what it was, in words."""

    key: str
    depth: int
    words: str


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What the label of one image says. `digests` are those of the files that steps took from stages, by the name they are asked by."""

    version: int = 1
    rows: tuple[Row, ...] = ()
    digests: dict[str, str] = {}


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """Layers to be kept elsewhere: the snapshot on top, and what is said of them."""

    snapshot: str
    contents: Contents


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """One image of a cache: the digest of its manifest, and its label."""

    manifest: str
    label: str


class CachePlaces(Protocol):
    """Reads and writes caches; `project.cacheplaces` satisfies it."""

    def read(self, place: CachePlace) -> Sequence[Offered]:
        """What is there. Raises CaisError when it cannot be had."""

    def take(self, place: CachePlace, manifest: str) -> StoredImage:
        """One of its images, into the store, under no name."""

    def write(self, place: CachePlace, chains: Iterable[Chain]) -> None:
        """Put `chains` there, in place of what was; each is asked for when the one before has been written."""


def parse_place(text: str, *, to: bool) -> CachePlace:
    """`type=local,src=DIR`, `type=local,dest=DIR[,mode=max]`, `type=registry,ref=NAME[,mode=max]`, or a name alone. Raises UsageError."""
    flag = "cache-to" if to else "cache-from"
    if "=" not in text:
        return CachePlace(reference=text)
    given = dict(field.partition("=")[::2] for field in text.split(","))
    kind = given.pop("type", "registry")
    if kind not in _FIELDS:
        raise UsageError(f'{flag} has no type "{kind}"', hint="write type=local or type=registry")
    unknown = next((name for name in given if name not in _FIELDS[kind]), None)
    if unknown is not None:
        raise UsageError(f'{flag} of type {kind} has no field "{unknown}"', hint=", ".join(_FIELDS[kind]))
    if given.get("mode", "min") not in _MODES:
        raise UsageError(f'{flag} has no mode "{given["mode"]}"', hint="write mode=min or mode=max")
    name = ("dest" if to else "src") if kind == "local" else "ref"
    if not given.get(name):
        raise UsageError(f"{flag} of type {kind} needs {name}=", hint=f"write type={kind},{name}=...")
    everything = given.get("mode") == "max"
    if kind == "local":
        return CachePlace(folder=given[name], everything=everything)
    return CachePlace(reference=given[name], everything=everything)


class Imported:
    """The caches that a build may draw on. Safe to use from several threads."""

    def __init__(
        self, places: CachePlaces | None, asked: Iterable[CachePlace], store: ImageStore, events: EventSink
    ) -> None:
        self._places = places
        self._store = store
        self._rows: dict[str, tuple[CachePlace, str]] = {}
        self._contents: dict[str, Contents] = {}
        self._lock = threading.Lock()
        for place in asked if places is not None else ():
            try:
                self._read(place)
            except CaisError as error:  # a cache that cannot be had costs time, not the build
                text = f'the cache "{place.shown}" is not used: {error.message}'
                events.emit(MessageEvent(phase=Phase.WARNING, text=text))

    def snapshot(self, key: str) -> str | None:
        """The result that a cache has for `key`, fetched now; None when none has it. Raises PullError, InvalidImage."""
        with self._lock:
            if key not in self._rows:
                return None
            self._take(*self._rows[key])
        row = self._store.get_cached(key)
        return None if row is None else row["snapshot"]

    def _read(self, place: CachePlace) -> None:
        assert self._places is not None
        for offered in self._places.read(place):
            contents = decoding.decode(offered.label, Contents)
            self._contents[offered.manifest] = contents
            for row in contents.rows:
                self._rows.setdefault(row.key, (place, offered.manifest))
            for name, digest in contents.digests.items():
                if self._store.get_cached(name) is None:
                    self._store.put_cached(name, "", {"digest": digest})

    def _take(self, place: CachePlace, manifest: str) -> None:
        """Fetch an image, and let the keys lead to its layers. The image itself is nobody's."""
        assert self._places is not None
        contents = self._contents[manifest]
        image = self._places.take(place, manifest)
        for row in contents.rows:
            if 0 <= row.depth <= len(image.chain_ids):
                snapshot = image.chain_ids[row.depth - 1] if row.depth else ""
                self._store.put_cached(row.key, snapshot, {"text": row.words})
            self._rows.pop(row.key, None)
        if not image.references:
            self._store.remove(image.id)


def chain_of(trail: Sequence[tuple[str, str]], digests: Mapping[str, str], store: ImageStore) -> Chain | None:
    """The chain of a stage from its steps as (key, words); None when their results are no longer there.

    Snapshots are looked up now: digesting the layers of an image may have given them other ids.
    """
    found = [(key, words, row["snapshot"]) for key, words in trail if (row := store.get_cached(key)) is not None]
    if not found:
        return None
    top = found[-1][2]
    depths = {each: number for number, each in enumerate(store.snapshots.chain(top), 1)} if top else {}
    rows = (Row(key, depths.get(each, 0), words) for key, words, each in found if not each or each in depths)
    return Chain(snapshot=top, contents=Contents(rows=tuple(rows), digests=dict(digests)))
