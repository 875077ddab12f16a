"""Before every request. What is not marked `@public` is for members; what changes something has to come from a page of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flask import current_app, redirect, request, url_for
from werkzeug.exceptions import Forbidden, Unauthorized
from werkzeug.wrappers import Response

from fotogal import sessions
from fotogal.web.visitor import csrf_secret, visitor

View = TypeVar("View", bound=Callable[..., object])
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf_token"
_CHANGES_NOTHING = frozenset({"GET", "HEAD", "OPTIONS"})


def public(view: View) -> View:
    """Marks a view as open to who is not logged in. Everything else is closed, so that what is forgotten is safe."""
    view.is_public = True  # type: ignore[attr-defined]
    return view


def is_api() -> bool:
    """Whether the present request wants JSON, whatever the outcome."""
    return request.path.startswith("/api/")


def check_request() -> Response | None:
    """Flask's `before_request`. An unknown address goes on to its 404."""
    if request.endpoint is None or request.endpoint == "static":
        return None
    is_public = getattr(current_app.view_functions[request.endpoint], "is_public", False)
    if not is_public and visitor() is None:
        return _ask_to_log_in()
    if request.method not in _CHANGES_NOTHING:
        _check_origin(is_public=is_public)
    return None


def _ask_to_log_in() -> Response:
    if is_api() or request.endpoint == "images.show":
        raise Unauthorized("Entre na sua conta para continuar.")
    wanted = request.full_path.removesuffix("?") if request.method == "GET" else None
    return redirect(url_for("account.log_in", next=wanted), 303)


def _check_origin(*, is_public: bool) -> None:
    """The token in the header or the form, derived from a cookie that no other site can read.

    Logging in and registering by the API have no cookie yet: there the type of the body is the proof, because a foreign page
    cannot send JSON without asking first (CORS preflight), which is never granted.
    """
    if request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        raise Forbidden("Este pedido veio de outro site.")
    if is_api() and is_public and request.mimetype == "application/json":
        return
    given = request.headers.get(CSRF_HEADER) or request.form.get(CSRF_FIELD, "")
    if not sessions.is_csrf_token(given, csrf_secret()):
        raise Forbidden("O formulário expirou. Recarregue a página e tente de novo.")
