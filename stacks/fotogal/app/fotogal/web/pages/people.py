"""Other people: profiles, followers, requests, suggestions, search."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from fotogal.gallery import Page
from fotogal.model import User
from fotogal.web import paging
from fotogal.web.pages.view import page
from fotogal.web.services import gallery
from fotogal.web.visitor import member

blueprint = Blueprint("people", __name__)


@blueprint.get("/@<username>")
def show(username: str) -> Response:
    viewer = member()
    visit = gallery().visit(viewer, username)
    photos = gallery().photos_of(viewer, username, paging.GRID, paging.after()) if visit.is_open else None
    return page("profile.html", visit=visit, photos=photos)


@blueprint.get("/@<username>/seguidores")
def followers(username: str) -> Response:
    people = gallery().followers(member(), username, paging.PEOPLE, paging.after())
    return _people(username, people, "Seguidores", "Ninguém segue esta conta ainda.")


@blueprint.get("/@<username>/seguindo")
def following(username: str) -> Response:
    people = gallery().following(member(), username, paging.PEOPLE, paging.after())
    return _people(username, people, "Seguindo", "Esta conta ainda não segue ninguém.")


@blueprint.post("/@<username>/seguir")
def follow(username: str) -> Response:
    gallery().follow(member(), username)
    return _back(username)


@blueprint.post("/@<username>/deixar")
def unfollow(username: str) -> Response:
    gallery().unfollow(member(), username)
    return _back(username)


@blueprint.get("/pedidos")
def requests() -> Response:
    """Requests received; those sent under `?lista=enviados`, so that each list goes on by itself."""
    is_sent = request.args.get("lista") == "enviados"
    ask = gallery().requests_sent if is_sent else gallery().requests_received
    return page("requests.html", people=ask(member(), paging.PEOPLE, paging.after()), is_sent=is_sent)


@blueprint.post("/pedidos/<username>/aceitar")
def accept(username: str) -> Response:
    gallery().accept(member(), username)
    return redirect(url_for("people.requests"), 303)


@blueprint.post("/pedidos/<username>/recusar")
def refuse(username: str) -> Response:
    gallery().refuse(member(), username)
    return redirect(url_for("people.requests"), 303)


@blueprint.get("/sugestoes")
def suggestions() -> Response:
    viewer = member()
    return page("suggestions.html", people=gallery().with_relations(viewer, gallery().suggestions(viewer)))


@blueprint.get("/buscar")
def search() -> Response:
    text = request.args.get("q", "").strip()
    found = gallery().search(member(), text) if text else []
    return page("search.html", text=text, people=found)


def _people(username: str, people: Page[User], title: str, empty: str) -> Response:
    related = gallery().with_relations(member(), people.items)
    owner = gallery().user(username)
    return page("people.html", owner=owner, people=related, after=people.after, title=title, empty=empty)


def _back(username: str) -> Response:
    """To where the button was: the suggestions have many of them."""
    if request.form.get("from") == "suggestions":
        return redirect(url_for("people.suggestions"), 303)
    return redirect(url_for("people.show", username=username), 303)
