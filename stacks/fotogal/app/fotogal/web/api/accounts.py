"""Registering, logging in and out, one's own profile and password."""

from __future__ import annotations

from flask import Blueprint, jsonify, make_response
from werkzeug.wrappers import Response

from fotogal import fields, sessions
from fotogal.model import User
from fotogal.web import visitor
from fotogal.web.api import render
from fotogal.web.api.body import read_body
from fotogal.web.guard import public
from fotogal.web.services import accounts, gallery
from fotogal.web.uploads import uploaded
from fotogal.web.visitor import member

blueprint = Blueprint("api_accounts", __name__, url_prefix="/api")


@blueprint.post("/register")
@public
def register() -> Response:
    body = read_body()
    wanted = fields.registration(
        body.text("email"),
        body.text("full_name"),
        body.text("username"),
        body.text("password"),
        body.flag("is_professional_account", default=False),
    )
    return _logged_in(*accounts().register(wanted, visitor.address()), 201)


@blueprint.post("/login")
@public
def log_in() -> Response:
    """`name` is the user name or the e-mail."""
    body = read_body()
    return _logged_in(
        *accounts().log_in(body.text("name"), body.text("password"), visitor.address(), visitor.device()), 200
    )


@blueprint.post("/logout")
def log_out() -> Response:
    response = make_response("", 204)
    visitor.log_out(response)
    return response


@blueprint.get("/session")
def session() -> Response:
    """Who is logged in, and the token for what changes something."""
    return jsonify(user=render.own(member()), csrf_token=visitor.csrf_token())


@blueprint.get("/profile")
def profile() -> Response:
    return jsonify(render.own(member()))


@blueprint.put("/profile")
def edit_profile() -> Response:
    """What the body leaves out stays as it is."""
    user, body = member(), read_body()
    data = user.user_data
    wanted = fields.profile(
        body.text("full_name", user.full_name),
        body.flag("is_private", default=user.is_private),
        body.text("site", data.site),
        body.text("biography", data.biography),
        body.text("gender", data.gender),
    )
    gallery().edit_profile(user, wanted)
    return jsonify(render.own(gallery().user(user.username)))


@blueprint.post("/profile/image/upload")
def profile_image() -> Response:
    photo = gallery().set_profile_photo(member(), *uploaded())
    return make_response(jsonify(profile_image_url=photo.image_url), 201)


@blueprint.put("/password")
def password() -> Response:
    """Ends every session; the answer carries a new one."""
    body = read_body()
    token = accounts().change_password(
        member(), body.text("current_password"), body.text("new_password"), visitor.address()
    )
    return _logged_in(member(), token, 200)


def _logged_in(user: User, token: str, status: int) -> Response:
    response = make_response(jsonify(user=render.own(user), csrf_token=sessions.csrf_token(token)), status)
    visitor.log_in(response, token)
    return response
