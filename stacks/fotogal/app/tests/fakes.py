"""Stores that fail when a test wants them to. They wrap the real ones: what they do when they work is not invented."""

from __future__ import annotations

from collections.abc import Callable

from fotogal.catalogue.interface import Catalogue, Unavailable
from fotogal.objects.interface import ObjectStore, StoreUnavailable


class Failing:
    """Passes everything on to `store`, but raises `error` for the calls that `fails` says, by name and place in the order of calls of that name."""

    def __init__(self, store: object, error: Exception, fails: Callable[[str, int], bool]) -> None:
        self._store = store
        self._error = error
        self._fails = fails
        self._calls: dict[str, int] = {}

    def __getattr__(self, name: str):
        real = getattr(self._store, name)
        if not callable(real):
            return real

        def call(*arguments: object, **options: object):
            self._calls[name] = self._calls.get(name, 0) + 1
            if self._fails(name, self._calls[name]):
                raise self._error
            return real(*arguments, **options)

        return call


class Switch:
    """Whether a store is down."""

    def __init__(self) -> None:
        self.is_down = False

    def __call__(self, _name: str, _call: int) -> bool:
        return self.is_down


def failing_catalogue(store: Catalogue, fails: Callable[[str, int], bool]) -> Catalogue:
    return Failing(store, Unavailable("the test says so"), fails)


def failing_objects(store: ObjectStore, fails: Callable[[str, int], bool]) -> ObjectStore:
    return Failing(store, StoreUnavailable("the test says so"), fails)
