"""Publishing, looking at, liking and deleting a photo."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from fotogal.model import Reaction
from fotogal.refusals import BadImage, Invalid
from fotogal.web.errors import status_of
from fotogal.web.pages.view import page
from fotogal.web.services import gallery
from fotogal.web.uploads import uploaded, upload_id
from fotogal.web.visitor import member

blueprint = Blueprint("photos", __name__)
_LARGEST = 2**63 - 1
_REACTIONS = {"like": Reaction.LIKE, "dislike": Reaction.DISLIKE, "none": None}


@blueprint.get("/publicar")
def publish() -> Response:
    return page("publish.html", given={}, errors={}, upload_id=gallery().new_upload_id())


@blueprint.post("/publicar")
def send_publish() -> Response:
    """A refusal keeps the caption and the upload's identity: the next attempt is the same upload."""
    caption = request.form.get("caption", "")
    identity = upload_id(request.form.get("upload_id"))
    try:
        data, filename = uploaded()
        photo = gallery().publish(member(), data, filename, caption, identity)
    except (BadImage, Invalid) as refused:
        errors = refused.fields if isinstance(refused, Invalid) else {"image": str(refused)}
        again = identity or gallery().new_upload_id()
        return page("publish.html", status_of(refused), given={"caption": caption}, errors=errors, upload_id=again)
    return redirect(url_for("photos.show", photo_id=photo.id, feito="publicada"), 303)


@blueprint.get(f"/foto/<int(max={_LARGEST}):photo_id>")
def show(photo_id: int) -> Response:
    return page("photo.html", shown=gallery().photo(member(), photo_id))


@blueprint.post(f"/foto/<int(max={_LARGEST}):photo_id>/reacao")
def react(photo_id: int) -> Response:
    wanted = request.form.get("reaction", "")
    if wanted not in _REACTIONS:
        raise BadRequest('A reação é "like", "dislike" ou "none".')
    gallery().react(member(), photo_id, _REACTIONS[wanted])
    if request.form.get("from") == "home":
        return redirect(url_for("home.show", _anchor=f"foto-{photo_id}"), 303)
    return redirect(url_for("photos.show", photo_id=photo_id), 303)


@blueprint.post(f"/foto/<int(max={_LARGEST}):photo_id>/excluir")
def delete(photo_id: int) -> Response:
    gallery().delete(member(), photo_id)
    return redirect(url_for("people.show", username=member().username, feito="excluida"), 303)
