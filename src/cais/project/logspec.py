"""`logging` of a service as the engine keeps a log. Docker's drivers json-file and local differ in their defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cais.compose.model.service import Logging
from cais.engine.details import LogDriver, LogSpec
from cais.errors import CaisError

LOCAL_BYTES, LOCAL_FILES = 20_000_000, 5
_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kmgt]?)b?", re.IGNORECASE)


def log_spec(logging: Logging | None) -> LogSpec:
    """What is kept, and how much of it. A driver that Cais does not have (said when the file is loaded) is as json-file. Raises CaisError."""
    options: Mapping[str, str] = logging.options if logging else {}
    driver = logging.driver if logging else ""
    if driver == LogDriver.NONE.value:
        return LogSpec(driver=LogDriver.NONE)
    local = driver == LogDriver.LOCAL.value
    size, count = options.get("max-size"), options.get("max-file")
    return LogSpec(
        driver=LogDriver.LOCAL if local else LogDriver.JSON_FILE,
        max_bytes=_bytes(size) if size else LOCAL_BYTES if local else None,
        max_files=_count(count) if count else LOCAL_FILES if local else 1,
    )


def _bytes(text: str) -> int | None:
    """A size as Docker reads those of logs, in powers of ten; -1 is none."""
    if text == "-1":
        return None
    found = _SIZE.fullmatch(text.strip())
    size = int(float(found[1]) * _UNITS[found[2].lower()]) if found else 0
    if size <= 0:
        raise CaisError(f'logging option "max-size" is "{text}", which is no size', hint='write for example "10m"')
    return size


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise CaisError(
            f'logging option "max-file" is "{text}", which is no number of files', hint='write for example "3"'
        )
    return int(text)
