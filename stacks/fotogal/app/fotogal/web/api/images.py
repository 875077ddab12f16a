"""Photos: timeline, upload, likes, deletion."""

from __future__ import annotations

from flask import Blueprint, jsonify, make_response, request
from werkzeug.wrappers import Response

from fotogal.model import Reaction
from fotogal.web import paging
from fotogal.web.api import render
from fotogal.web.api.body import read_body
from fotogal.web.services import gallery
from fotogal.web.uploads import upload_id, uploaded
from fotogal.web.visitor import member

blueprint = Blueprint("api_images", __name__, url_prefix="/api")
_LARGEST = 2**63 - 1


@blueprint.get("/timeline")
def timeline() -> Response:
    viewer = member()
    return jsonify(render.photos(gallery().timeline(viewer, paging.limit(paging.PHOTOS), paging.after()), viewer))


@blueprint.get("/my/images")
def mine() -> Response:
    return of(member().username)


@blueprint.get("/users/<username>/images")
def of(username: str) -> Response:
    viewer = member()
    return jsonify(
        render.photos(gallery().photos_of(viewer, username, paging.limit(paging.PHOTOS), paging.after()), viewer)
    )


@blueprint.post("/image/upload")
def upload() -> Response:
    """A form of type multipart/form-data: `image`, and if wanted `caption` and `upload_id`. The same `upload_id` again gives the same photo."""
    viewer = member()
    data, filename = uploaded()
    photo = gallery().publish(
        viewer, data, filename, request.form.get("caption", ""), upload_id(request.form.get("upload_id"))
    )
    response = make_response(jsonify(render.shown(gallery().photo(viewer, photo.id), viewer)), 201)
    response.headers["Location"] = f"/api/image/{photo.id}"
    return response


@blueprint.get(f"/image/<int(max={_LARGEST}):image_id>")
def show(image_id: int) -> Response:
    viewer = member()
    return jsonify(render.shown(gallery().photo(viewer, image_id), viewer))


@blueprint.delete(f"/image/<int(max={_LARGEST}):image_id>")
def delete(image_id: int) -> Response:
    gallery().delete(member(), image_id)
    return make_response("", 204)


@blueprint.put("/image/like")
def like() -> Response:
    return _react(Reaction.LIKE)


@blueprint.delete("/image/like")
def take_like_back() -> Response:
    return _take_back(Reaction.LIKE)


@blueprint.put("/image/dislike")
def dislike() -> Response:
    return _react(Reaction.DISLIKE)


@blueprint.delete("/image/dislike")
def take_dislike_back() -> Response:
    return _take_back(Reaction.DISLIKE)


def _react(reaction: Reaction) -> Response:
    return jsonify(render.tally(gallery().react(member(), read_body().identity("image_id"), reaction)))


def _take_back(reaction: Reaction) -> Response:
    """A like that is not there is not taken back: a dislike stays."""
    return jsonify(render.tally(gallery().react(member(), read_body().identity("image_id"), None, instead_of=reaction)))
