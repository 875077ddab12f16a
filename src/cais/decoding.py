"""JSON to typed values, safely from several threads.

msgspec works out a type at its first use and shows the half-made result to other threads that use the type just then: they crash the
interpreter (seen with 0.22: two containers started side by side). So the first use of each type is made alone here, under one lock.
Everything that may run in a thread decodes through this module.
"""

from __future__ import annotations

import threading
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_FIRST_USE = threading.Lock()
_KNOWN: set[Any] = set()  # types that are worked out; like msgspec's own memory of them, for the whole process


def prepare(kind: Any) -> None:  # noqa: ANN401 - a type or a union of types
    """Work `kind` out, if that has not been done."""
    if kind not in _KNOWN:
        with _FIRST_USE:
            msgspec.json.Decoder(kind)
            _KNOWN.add(kind)


def decode(data: bytes | str, kind: type[T]) -> T:
    """The value that `data` is. Raises msgspec.DecodeError or msgspec.ValidationError."""
    prepare(kind)
    try:
        return msgspec.json.decode(data, type=kind)
    except UnicodeDecodeError as error:  # the one fault that msgspec does not tell as one of its own
        raise msgspec.DecodeError(f"it is not UTF-8: {error.reason}") from error
