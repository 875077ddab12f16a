"""What every object store can do. One suite of contract tests (`tests/contract_objects.py`) holds for each implementation.

A key is `<folder>/<size>.<ending>`: ASCII letters, digits, `-`, `_`, `.` and `/`, no empty part and none that begins with a dot (`check_key`).
Any call raises `catalogue.interface.Unavailable`'s like here: `StoreUnavailable` when the store does not answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*", re.ASCII)
LONGEST_KEY = 512


class StoreUnavailable(Exception):
    """The store does not answer, or not in time: 503, and the call may be tried again later."""


class NoSuchObject(Exception):
    """There is no object of that key."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An object in a listing. `modified_ts` in milliseconds since 1970, UTC."""

    key: str
    size: int
    modified_ts: int


def check_key(key: str) -> str:
    """The key, if it is one. Raises ValueError: no key may lead out of the bucket."""
    if len(key) > LONGEST_KEY or not _KEY.fullmatch(key):
        raise ValueError(f"not a key of an object: {key!r}")
    return key


class ObjectStore(Protocol):
    def provision(self) -> list[str]:
        """Creates the bucket if it is missing: private, Standard, without versions. Returns what it did, a line each."""

    def ready(self) -> None:
        """Asks the store something small. Raises StoreUnavailable."""

    def close(self) -> None: ...

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Whole or not at all: who reads sees the old object or the new one."""

    def get(self, key: str) -> bytes:
        """Raises NoSuchObject."""

    def delete(self, key: str) -> None:
        """An object that is not there is no error."""

    def listing(self, prefix: str = "") -> Iterator[Listed]:
        """All objects whose key begins with `prefix`, in the order of their keys; asks page by page."""

    def redirect(self, key: str) -> str | None:
        """Where nginx finds the object by itself, for `X-Accel-Redirect`; None where the bytes must pass through the application."""

    @property
    def host_fqdn(self) -> str:
        """The host that has the objects, as a photo's row names it."""
