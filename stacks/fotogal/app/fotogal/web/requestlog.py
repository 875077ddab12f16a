"""One line a request, to the central log (`fotogal.log`), under the identity that the proxy gave it, or a new one. The answer carries it too,
so that what a visitor reports can be found."""

from __future__ import annotations

import logging
import re
import secrets
import time

from flask import Flask, g, request
from werkzeug.wrappers import Response

from fotogal.web.visitor import known_visitor

log = logging.getLogger("fotogal.request")
HEADER = "X-Request-ID"
_IDENTITY = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
# Asked every few seconds by machines: of interest only when something is wrong.
_QUIET = frozenset({"health.live", "health.ready", "static"})


def install(app: Flask) -> None:
    """To be installed first, so that what the other hooks do is within the time that is measured."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    g.began = time.perf_counter()
    given = request.headers.get(HEADER, "")
    g.request_id = given if _IDENTITY.fullmatch(given) else secrets.token_hex(8)


def _end(response: Response) -> Response:
    """The route is the rule (`/foto/<photo_id>`), not the address: it says what was done, and holds nothing of a person."""
    response.headers[HEADER] = g.request_id
    is_quiet = request.endpoint in _QUIET and response.status_code < 500
    user = known_visitor()
    log.log(
        logging.DEBUG if is_quiet else logging.ERROR if response.status_code >= 500 else logging.INFO,
        "request",
        extra={
            "request_id": g.request_id,
            "user_id": str(user.id) if user else None,
            "method": request.method,
            "route": request.url_rule.rule if request.url_rule else None,
            "status": response.status_code,
            "duration_ms": round((time.perf_counter() - g.began) * 1000, 1),
        },
    )
    return response
