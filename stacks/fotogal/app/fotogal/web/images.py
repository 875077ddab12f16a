"""The bytes of the photos: to members only, and of private accounts to their followers only."""

from __future__ import annotations

from flask import Blueprint, Response, request

from fotogal.web.services import gallery, services
from fotogal.web.visitor import member

blueprint = Blueprint("images", __name__)
_DAY_S = 24 * 60 * 60


@blueprint.get("/imagens/<folder>/<name>")
def show(folder: str, name: str) -> Response:
    """One size of a photo. Behind nginx the answer only names the object, and nginx sends its bytes."""
    _, key = gallery().file(member(), folder, name)
    response = Response(mimetype=f"image/{name.rpartition('.')[2]}")
    # An object never changes; but another visitor of the same browser, who has another cookie, has to ask anew.
    response.headers["Cache-Control"] = f"private, max-age={_DAY_S}, immutable"
    response.headers["Vary"] = "Cookie"
    response.set_etag(key)
    if response.make_conditional(request).status_code == 304:
        return response
    redirect = services().objects.redirect(key)
    if redirect is None:
        response.set_data(services().objects.get(key))
    else:
        response.headers["X-Accel-Redirect"] = redirect
    return response
