"""The timeline, or the way in for who is not logged in."""

from __future__ import annotations

from flask import Blueprint
from werkzeug.wrappers import Response

from fotogal.web import paging
from fotogal.web.guard import public
from fotogal.web.pages.view import page
from fotogal.web.services import gallery
from fotogal.web.visitor import visitor

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
@public
def show() -> Response:
    viewer = visitor()
    if viewer is None:
        return page("welcome.html", given={}, errors={})
    photos = gallery().timeline(viewer, paging.PHOTOS, paging.after())
    return page("home.html", photos=photos, suggestions=gallery().suggestions(viewer)[:5])
