"""Where a redirect may lead that the request asks for: to our own pages only."""

from __future__ import annotations

from flask import current_app, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect


def own_page(wanted: str | None) -> str:
    """`wanted` if it is the address of one of our pages, else the home page.

    The address is asked of the routes, not only looked at: `//evil.example`, `/\\evil.example`, `https:evil.example` and whatever else a browser
    reads as another host match none of them.
    """
    path, _, query = (wanted or "").partition("?")
    if not path.startswith("/") or not (wanted or "").isprintable() or "\\" in path or path.startswith("//"):
        return url_for("home.show")
    try:
        endpoint, _values = current_app.url_map.bind("localhost").match(path, "GET")
    except (HTTPException, RequestRedirect):
        return url_for("home.show")
    if endpoint == "static" or endpoint.startswith(("api_", "images.", "health.")):
        return url_for("home.show")
    return f"{path}?{query}" if query else path
