"""Where images come from: the store, else a registry, else a base recipe (design.md, "Images and builds")."""

from __future__ import annotations

import os
import threading

from cais.errors import PullError
from cais.events import EventSink, MessageEvent, Phase
from cais.images.model import StoredImage
from cais.images.reference import parse_reference
from cais.images.store import ImageStore
from cais.locations import Locations
from cais.registry.settings import RegistrySettings

LAYOUT = "oci-layout://"


class Acquirer:
    """Resolves references. Threads that want the same reference share one fetch."""

    def __init__(self, store: ImageStore, locations: Locations, events: EventSink, settings: RegistrySettings) -> None:
        self._store = store
        self._locations = locations
        self._events = events
        self._settings = settings
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()
        self._unreachable: set[str] = set()

    def local(self, reference: str) -> StoredImage | None:
        """From the store only; nothing is written."""
        return self._store.find(reference)

    def use(self, reference: str) -> StoredImage | None:
        """From the store only, and used now: images that were not for long go first when room is made."""
        present = self._store.find(reference)
        if present is not None:
            self._store.touch(present.id)
        return present

    def age_s(self, reference: str) -> float | None:
        """How long ago, in seconds, a registry last said what it has under this name; None if it never did."""
        parsed = parse_reference(reference)
        present = self._store.find(reference)
        at = self._store.records.known.asked_at(present.id, parsed.name) if present is not None else None
        return None if at is None else self._store.records.clock.now() - at

    def resolve(self, reference: str, *, pull: bool = False) -> StoredImage:
        """Store (unless `pull`), else registry, else base recipe; `oci-layout://FOLDER[:TAG|@DIGEST]` from a folder of this machine.

        Raises PullError that says what can be had instead.
        """
        if reference.startswith(LAYOUT):
            return self._of_layout(reference.removeprefix(LAYOUT))
        key = parse_reference(reference).key
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            present = None if pull else self.use(reference)
            return present or self._fetch(reference, self._store.find(reference) if pull else None)

    def _of_layout(self, text: str) -> StoredImage:
        from cais.images.layoutsource import open_folder
        from cais.images.platforms import host_platform
        from cais.registry.take import take

        path, separator, name = text.partition("@") if "@" in text else text.partition(":")
        if not os.path.isdir(path):
            raise PullError(f'the OCI layout "{path}" does not exist', hint="give a folder with an index.json")
        with open_folder(path, name if separator else "") as source:
            return take(source, self._store, (), host_platform(), self._events).image

    def _fetch(self, reference: str, present: StoredImage | None) -> StoredImage:
        """From a registry, or made by a recipe where none answers. `present` is what is here already, and older."""
        from cais.bases import catalogue
        from cais.bases.labels import is_base

        if self._settings.offline and present is not None:
            return present
        failure = None
        if not self._settings.offline:
            from cais.registry.errors import NotInRegistry

            try:
                return self._pull(reference)
            except NotInRegistry:
                raise  # a registry answered: what it does not have is not to be passed off as something else
            except PullError as error:
                failure = error
        recipe = catalogue.find(reference)
        if failure is not None and present is not None and not is_base(present):
            raise failure  # it came from a registry: an equivalent is no newer one of it
        if recipe is not None:
            from cais.bases.make import make

            if failure is not None:
                instead = "what is here is kept" if present is not None else "made from Debian's archive instead"
                text = f"{catalogue.short_name(reference)}: {failure.message}; {instead}"
                self._events.emit(MessageEvent(phase=Phase.DONE, text=text))
            return make(recipe, self._store, events=self._events, locations=self._locations)
        nowhere = catalogue.unavailable(reference)
        details = (failure.message,) if failure is not None else ("no registry was asked: --offline was given",)
        raise PullError(nowhere.message, hint=nowhere.hint, details=details)

    def _pull(self, reference: str) -> StoredImage:
        """From the registry. One that did not answer is not asked again in this command: each try would cost its time-out."""
        from cais.registry.pull import pull

        parsed = parse_reference(reference)
        with self._guard:
            if parsed.registry in self._unreachable:
                raise PullError(f'the registry "{parsed.registry}" does not answer')
        try:
            return pull(parsed, self._store, events=self._events, settings=self._settings).image
        except PullError:
            with self._guard:
                self._unreachable.add(parsed.registry)
            raise


class RegistryPusher:
    """Gives images of the store to their registries."""

    def __init__(self, store: ImageStore, events: EventSink, settings: RegistrySettings) -> None:
        self._store = store
        self._events = events
        self._settings = settings

    def push(self, reference: str) -> None:
        """Raises NotFoundError, PushError."""
        from cais.registry.push import push

        push(parse_reference(reference), self._store, events=self._events, settings=self._settings)
