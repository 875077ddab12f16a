"""Where the log goes. Called once, at the start of a program."""

from __future__ import annotations

import logging
import sys

from fotogal.log.lines import JsonFormatter
from fotogal.settings import BadSetting, LogKind, Settings


def set_up(settings: Settings) -> logging.Handler:
    """All loggers write to the chosen place from now on. The handler that does is returned: `close()` it when the program ends."""
    handler = _handler(settings)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.setLevel(settings.log_level)
    root.handlers = [handler]
    return handler


def _handler(settings: Settings) -> logging.Handler:
    match settings.log:
        case LogKind.STDOUT:
            return logging.StreamHandler(sys.stdout)
        case kind:
            raise BadSetting("FOTOGAL_LOG", f"{kind} is not there yet")
