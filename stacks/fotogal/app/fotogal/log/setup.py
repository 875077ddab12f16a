"""Where the log goes. Called once, at the start of a program."""

from __future__ import annotations

import logging
import sys

from fotogal.log.lines import JsonFormatter
from fotogal.settings import LogKind, Settings
from fotogal.stores import require_oracle


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
        case LogKind.OCI:
            require_oracle("FOTOGAL_LOG")
            from fotogal.log.oci import LogSender, NoSuchLog
            from fotogal.log.shipping import ShippingHandler
            from fotogal.oracle import UNREACHABLE, account

            # What the SDK itself logs is about the sending of lines: it would never end.
            logging.getLogger("oci").propagate = False
            return ShippingHandler(LogSender(account(settings.oci)), (*UNREACHABLE, NoSuchLog))
