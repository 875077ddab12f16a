"""One's own profile: what it says, its photo, the password."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from fotogal import fields
from fotogal.refusals import BadImage, Invalid, Refusal, TooMany
from fotogal.web import visitor
from fotogal.web.errors import status_of
from fotogal.web.pages.view import page
from fotogal.web.services import accounts, gallery
from fotogal.web.uploads import uploaded
from fotogal.web.visitor import member

blueprint = Blueprint("profile", __name__, url_prefix="/perfil")


@blueprint.get("")
def edit() -> Response:
    return page("edit_profile.html", given=_present(), errors={})


@blueprint.post("")
def send_edit() -> Response:
    given = request.form
    try:
        wanted = fields.profile(
            given.get("full_name", ""),
            "is_private" in given,
            given.get("site", ""),
            given.get("biography", ""),
            given.get("gender", ""),
        )
    except Invalid as refused:
        return _refused(refused, refused.fields, given.to_dict())
    gallery().edit_profile(member(), wanted)
    return _done("perfil")


@blueprint.post("/foto")
def photo() -> Response:
    try:
        gallery().set_profile_photo(member(), *uploaded())
    except (BadImage, Invalid) as refused:
        return _refused(refused, {"image": str(refused)}, _present())
    return _done("foto-do-perfil")


@blueprint.post("/senha")
def password() -> Response:
    given = request.form
    try:
        token = accounts().change_password(
            member(), given.get("current_password", ""), given.get("new_password", ""), visitor.address()
        )
    except Invalid as refused:
        return _refused(refused, refused.fields, _present())
    except TooMany as refused:
        return _refused(refused, {"current_password": str(refused)}, _present())
    response = _done("senha")
    visitor.log_in(response, token)
    return response


def _present() -> dict[str, object]:
    user = member()
    return {
        "full_name": user.full_name,
        "is_private": user.is_private,
        "site": user.user_data.site,
        "biography": user.user_data.biography,
        "gender": user.user_data.gender,
    }


def _refused(refused: Refusal, errors: dict[str, str], given: Mapping[str, object]) -> Response:
    return page("edit_profile.html", status_of(refused), given=given, errors=errors)


def _done(what: str) -> Response:
    return redirect(url_for("profile.edit", feito=what), 303)
