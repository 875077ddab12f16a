"""Imports msgspec the quick way; called by the entry points before anything else is imported.

msgspec looks for `typing_extensions`, which is there only because other packages want it, and takes from it what `typing` itself has
since Python 3.11. Importing it brings `inspect`, `ast`, `dis` and `tokenize`: 8 of 45 ms of `cais version` (docs/decisions/0050).
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import cast

_UNWANTED = "typing_extensions"


def import_msgspec() -> None:
    """Import msgspec as if `typing_extensions` were not installed. Who imports that afterwards gets it."""
    if _UNWANTED in sys.modules:
        return
    sys.modules[_UNWANTED] = cast("ModuleType", None)  # the import system's mark of a module that is not there
    try:
        import msgspec  # noqa: F401 - for its effect on sys.modules
    finally:
        del sys.modules[_UNWANTED]
