"""A log record as one line of JSON.

A record carries what it knows of a request as `extra`: `logger.info("request", extra={"request_id": ..., "status": 200})`. The names are `FIELDS`.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

FIELDS = ("request_id", "user_id", "method", "route", "status", "duration_ms")


class JsonFormatter(logging.Formatter):
    """Time (ISO 8601, UTC, milliseconds), level, logger, message, the `FIELDS` that the record has, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: record.__dict__[name] for name in FIELDS if record.__dict__.get(name) is not None}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)
