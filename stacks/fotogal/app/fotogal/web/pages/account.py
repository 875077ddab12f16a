"""Registering, logging in and out."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from fotogal import fields
from fotogal.refusals import BadLogin, Conflict, Invalid, TooMany
from fotogal.web import visitor
from fotogal.web.destination import own_page
from fotogal.web.errors import status_of
from fotogal.web.guard import public
from fotogal.web.pages.view import page
from fotogal.web.services import accounts

blueprint = Blueprint("account", __name__)


@blueprint.get("/entrar")
@public
def log_in() -> Response:
    if visitor.visitor() is not None:
        return redirect(own_page(request.args.get("next")), 303)
    return page("login.html", given={"next": request.args.get("next", "")}, errors={})


@blueprint.post("/entrar")
@public
def send_log_in() -> Response:
    given = request.form
    try:
        _, token = accounts().log_in(
            given.get("name", ""), given.get("password", ""), visitor.address(), visitor.device()
        )
    except (BadLogin, TooMany) as refused:
        response = page("login.html", status_of(refused), given=given, errors={"name": str(refused)})
        if isinstance(refused, TooMany):
            response.headers["Retry-After"] = str(refused.retry_after_s)
        return response
    response = redirect(own_page(given.get("next")), 303)
    visitor.log_in(response, token)
    return response


@blueprint.get("/cadastro")
@public
def register() -> Response:
    if visitor.visitor() is not None:
        return redirect(url_for("home.show"), 303)
    return page("register.html", given={}, errors={})


@blueprint.post("/cadastro")
@public
def send_register() -> Response:
    given = request.form
    try:
        wanted = fields.registration(
            given.get("email", ""),
            given.get("full_name", ""),
            given.get("username", ""),
            given.get("password", ""),
            "professional" in given,
        )
        _, token = accounts().register(wanted, visitor.address())
    except (Invalid, Conflict) as refused:
        return page("register.html", status_of(refused), given=given, errors=refused.fields)
    response = redirect(url_for("people.suggestions"), 303)
    visitor.log_in(response, token)
    return response


@blueprint.post("/sair")
def log_out() -> Response:
    response = redirect(url_for("account.log_in", feito="saiu"), 303)
    visitor.log_out(response)
    return response
