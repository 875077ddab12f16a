from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from fotogal.log.lines import JsonFormatter


@pytest.fixture
def written() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("fotogal.test")
    logger.addHandler(handler)
    logger.setLevel("INFO")
    yield logger, stream
    logger.removeHandler(handler)


def test_a_request_is_one_line(written: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = written
    logger.info(
        "request\nof %s",
        "açaí",
        extra={"request_id": "r1", "user_id": 7, "status": 200, "duration_ms": 1.5, "route": "/"},
    )
    assert stream.getvalue().count("\n") == 1
    line = json.loads(stream.getvalue())
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "fotogal.test",
        "message": "request\nof açaí",
        "request_id": "r1",
        "user_id": 7,
        "route": "/",
        "status": 200,
        "duration_ms": 1.5,
    }


def test_a_traceback_is_in_the_line(written: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = written
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        logger.exception("failed")
    line = json.loads(stream.getvalue())
    assert line["level"] == "error"
    assert "RuntimeError: broken" in line["traceback"]
