"""Imports two libraries the quick way; called by the entry points before anything else is imported.

Both look for a module that they can do without, and that costs more to import than they do. Figures: docs/decisions/0050.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import cast


def import_msgspec() -> None:
    """msgspec without `typing_extensions`, which is there only because other packages want it.

    What it takes from there `typing` itself has since Python 3.11; it brings `inspect`, `ast`, `dis` and `tokenize`.
    """
    _import_without("typing_extensions", "msgspec")


def import_asyncio() -> None:
    """asyncio without `ssl`, as on a Python built without it: the supervisor talks over Unix sockets alone, and OpenSSL is large."""
    _import_without("ssl", "asyncio")


def _import_without(unwanted: str, wanted: str) -> None:
    """Import `wanted` as if `unwanted` were not installed. Who imports that afterwards gets it."""
    if unwanted in sys.modules:
        return
    sys.modules[unwanted] = cast("ModuleType", None)  # the import system's mark of a module that is not there
    try:
        importlib.import_module(wanted)
    finally:
        del sys.modules[unwanted]
