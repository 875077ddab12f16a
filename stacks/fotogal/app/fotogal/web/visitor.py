"""Who makes the present request, and the cookies: the session's; for who is not logged in the visit's, which only proves that a form is ours; the device's.

The catalogue is asked once a request, and only if somebody wants to know.
"""

from __future__ import annotations

import secrets

from flask import Response, g, request
from werkzeug.exceptions import Unauthorized
from werkzeug.wrappers import Response as AnyResponse

from fotogal import devices, sessions
from fotogal.model import User
from fotogal.web.services import services


def visitor() -> User | None:
    """Who is logged in, if anybody is. Raises the catalogue's Unavailable."""
    if "visitor" not in g:
        token = session_token()
        g.visitor = services().sessions.user(token) if token else None
    found: User | None = g.visitor
    return found


def known_visitor() -> User | None:
    """As `visitor`, but only what this request has learnt so far: pages about failures must not ask a store that is down."""
    found: User | None = g.get("visitor")
    return found


def member() -> User:
    """Who is logged in. Raises Unauthorized; views that the guard lets through only to members need not expect it."""
    found = visitor()
    if found is None:
        raise Unauthorized
    return found


def address() -> str:
    """Where the request comes from, through the proxies that the settings trust."""
    return request.remote_addr or "unknown"


def session_token() -> str:
    return request.cookies.get(_cookie("session"), "")


def device() -> str:
    """What the browser has kept of an earlier time that somebody logged in there."""
    return request.cookies.get(_cookie("device"), "")


def csrf_secret() -> str:
    """What this visitor's CSRF token is derived from. Made, and sent as a cookie with the answer, for who comes without."""
    found = session_token() or request.cookies.get(_cookie("visit"), "") or g.get("new_visit", "")
    if not found:
        found = g.new_visit = secrets.token_urlsafe(32)
    return str(found)


def csrf_token() -> str:
    return sessions.csrf_token(csrf_secret())


def log_in(response: AnyResponse, token: str) -> None:
    """From this answer on the browser is logged in, and known to the account's owner."""
    _set_cookie(response, "session", token, max_age_s=sessions.LIFETIME_MS // 1000)
    user = services().sessions.user(token)
    if user is not None and not devices.is_of(user, device()):
        _set_cookie(response, "device", devices.new(user), max_age_s=devices.LIFETIME_S)


def log_out(response: AnyResponse) -> None:
    """Ends the session here and in the catalogue; asks the browser to forget the photos it keeps."""
    services().sessions.close(session_token())
    g.visitor = None
    secure = services().settings.cookie_secure
    response.delete_cookie(_cookie("session"), secure=secure, httponly=True, samesite="Lax")
    response.headers["Clear-Site-Data"] = '"cache"'


def send_visit(response: Response) -> Response:
    """After a request: the cookie of a visit that began with it."""
    if "new_visit" in g:
        _set_cookie(response, "visit", g.new_visit, max_age_s=None)
    return response


def _set_cookie(response: AnyResponse, name: str, value: str, max_age_s: int | None) -> None:
    secure = services().settings.cookie_secure
    response.set_cookie(_cookie(name), value, max_age=max_age_s, secure=secure, httponly=True, samesite="Lax", path="/")


def _cookie(name: str) -> str:
    """Over TLS with the prefix by which browsers take the cookie from this very host alone (RFC 6265bis, section 4.1.3)."""
    return f"__Host-fotogal-{name}" if services().settings.cookie_secure else f"fotogal-{name}"
