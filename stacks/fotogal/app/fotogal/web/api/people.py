"""People: following, requests, profiles, suggestions, search."""

from __future__ import annotations

from flask import Blueprint, jsonify, request
from werkzeug.wrappers import Response

from fotogal.gallery import Page
from fotogal.model import User
from fotogal.web import paging
from fotogal.web.api import render
from fotogal.web.api.body import read_body
from fotogal.web.services import gallery
from fotogal.web.visitor import member

blueprint = Blueprint("api_people", __name__, url_prefix="/api")


@blueprint.put("/follow")
def follow() -> Response:
    """`relation` in the answer: `following`, or `requested` for a private account."""
    return jsonify(relation=gallery().follow(member(), read_body().text("username")))


@blueprint.delete("/follow")
def unfollow() -> Response:
    """Also takes a request back."""
    return jsonify(relation=gallery().unfollow(member(), read_body().text("username")))


@blueprint.get("/requests/received")
def requests_received() -> Response:
    return _people(gallery().requests_received(member(), paging.limit(paging.PEOPLE), paging.after()))


@blueprint.get("/requests/sent")
def requests_sent() -> Response:
    return _people(gallery().requests_sent(member(), paging.limit(paging.PEOPLE), paging.after()))


@blueprint.put("/requests/accept")
def accept() -> Response:
    gallery().accept(member(), read_body().text("username"))
    return jsonify(status="accepted")


@blueprint.put("/requests/refuse")
def refuse() -> Response:
    gallery().refuse(member(), read_body().text("username"))
    return jsonify(status="refused")


@blueprint.get("/users/<username>")
def show(username: str) -> Response:
    return jsonify(render.visited(gallery().visit(member(), username)))


@blueprint.get("/users/<username>/followers")
def followers(username: str) -> Response:
    return _people(gallery().followers(member(), username, paging.limit(paging.PEOPLE), paging.after()))


@blueprint.get("/users/<username>/following")
def following(username: str) -> Response:
    return _people(gallery().following(member(), username, paging.limit(paging.PEOPLE), paging.after()))


@blueprint.get("/suggestions")
def suggestions() -> Response:
    return _people(Page(gallery().suggestions(member()), None))


@blueprint.get("/search")
def search() -> Response:
    """People whose user name begins with `q`."""
    found = gallery().search(member(), request.args.get("q", ""))
    return jsonify(users=[render.related(user, relation) for user, relation in found])


def _people(page: Page[User]) -> Response:
    """Each with what the viewer is to them, all in one question."""
    related = gallery().with_relations(member(), page.items)
    return jsonify(
        users=[render.related(user, relation) for user, relation in related], after=render.cursor(page.after)
    )
