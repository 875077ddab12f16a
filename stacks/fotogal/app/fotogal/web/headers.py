"""What every answer says to the browser."""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response

# No inline script or style, nothing from elsewhere; `blob:` is the preview of a photo that is about to be uploaded.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; manifest-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_ALWAYS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def add(response: Response) -> Response:
    """Flask's `after_request`. A view that has said how long its answer may be kept has the last word."""
    for name, value in _ALWAYS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.endpoint != "static":
        # What is on a page depends on who looks, and shall not come back with the "back" button after logging out.
        response.headers.setdefault("Cache-Control", "private, no-store")
    return response
