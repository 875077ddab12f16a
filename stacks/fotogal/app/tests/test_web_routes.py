"""Every route, asked for by every kind of visitor, against a public and a private account.

A row says what each visitor is answered, in the order of VISITORS. The table is held against the application's own routes: one that has no row fails.
Whatever is refused must have changed nothing, and whatever a private account keeps to its followers must be in no answer to others.
"""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from dataclasses import dataclass

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from world import CAPTION, PASSWORD, Browser, World, a_png

VISITORS = ("nobody", "stranger", "follower", "requester", "owner")
OWNERS = {"public": "paula", "private": "priscila"}
NAMES = {"stranger": "selma", "follower": "fabio", "requester": "rita"}

LOG_IN = 303  # a page sends nobody to the log-in
Statuses = tuple[int, int, int, int, int]


@dataclass(frozen=True)
class Row:
    """`path`, `form` and `json` may name the account's `{user}`, `{photo}`, `{folder}` and the `{upload_id}` of a new photo."""

    method: str
    path: str
    public: Statuses
    private: Statuses
    form: dict[str, str] | None = None
    json: dict[str, object] | None = None
    file: bool = False


def page(path: str, public: Statuses, private: Statuses | None = None) -> Row:
    return Row("GET", path, public, private or public)


def sends(path: str, public: Statuses, private: Statuses | None = None, *, file: bool = False, **form: str) -> Row:
    return Row("POST", path, public, private or public, form=form, file=file)


def api(method: str, path: str, public: Statuses, private: Statuses | None = None, **json: object) -> Row:
    return Row(method, path, public, private or public, json=json if method != "GET" else None)


#                nobody  stranger  follower  requester  owner
ALL: Statuses = (200, 200, 200, 200, 200)
MEMBERS: Statuses = (LOG_IN, 200, 200, 200, 200)
DONE: Statuses = (LOG_IN, 303, 303, 303, 303)
API_MEMBERS: Statuses = (401, 200, 200, 200, 200)
OPEN: Statuses = (LOG_IN, 403, 200, 403, 200)
API_OPEN: Statuses = (401, 403, 200, 403, 200)
NOT_OWN: Statuses = (LOG_IN, 303, 303, 303, 403)  # nobody follows themselves
API_NOT_OWN: Statuses = (401, 200, 200, 200, 403)

PROFILE = {"full_name": "Outro Nome Completo", "site": "", "biography": "", "gender": ""}
NEWCOMER = {
    "email": "nova@exemplo.com.br",
    "full_name": "Nova Pessoa Completa",
    "username": "nova_pessoa",
    "password": PASSWORD,
}

ROWS = (
    # Open to everybody
    page("/", ALL),
    page("/entrar", (200, 303, 303, 303, 303)),
    page("/cadastro", (200, 303, 303, 303, 303)),
    page("/health/live", ALL),
    page("/health/ready", ALL),
    page("/static/style.css", ALL),
    sends("/entrar", (303, 303, 303, 303, 303), name="selma", password=PASSWORD),
    sends("/cadastro", (303, 303, 303, 303, 303), **NEWCOMER),
    api("POST", "/api/login", ALL, name="selma", password=PASSWORD),
    api("POST", "/api/register", (201, 201, 201, 201, 201), **NEWCOMER),
    # About another account
    page("/@{user}", MEMBERS),
    page("/@{user}/seguidores", MEMBERS, OPEN),
    page("/@{user}/seguindo", MEMBERS, OPEN),
    sends("/@{user}/seguir", NOT_OWN),
    sends("/@{user}/deixar", DONE),
    page("/foto/{photo}", MEMBERS, OPEN),
    page("/imagens/{folder}/full.png", API_MEMBERS, API_OPEN),
    page("/imagens/{face}/full.png", API_MEMBERS),
    sends("/foto/{photo}/reacao", DONE, (LOG_IN, 403, 303, 403, 303), reaction="like"),
    sends("/foto/{photo}/excluir", (LOG_IN, 403, 403, 403, 303)),
    api("GET", "/api/users/{user}", API_MEMBERS),
    api("GET", "/api/users/{user}/images", API_MEMBERS, API_OPEN),
    api("GET", "/api/users/{user}/followers", API_MEMBERS, API_OPEN),
    api("GET", "/api/users/{user}/following", API_MEMBERS, API_OPEN),
    api("GET", "/api/image/{photo}", API_MEMBERS, API_OPEN),
    api("DELETE", "/api/image/{photo}", (401, 403, 403, 403, 204)),
    api("PUT", "/api/image/like", API_MEMBERS, API_OPEN, image_id="{photo}"),
    api("DELETE", "/api/image/like", API_MEMBERS, API_OPEN, image_id="{photo}"),
    api("PUT", "/api/image/dislike", API_MEMBERS, API_OPEN, image_id="{photo}"),
    api("DELETE", "/api/image/dislike", API_MEMBERS, API_OPEN, image_id="{photo}"),
    api("PUT", "/api/follow", API_NOT_OWN, username="{user}"),
    api("DELETE", "/api/follow", API_MEMBERS, username="{user}"),
    # About requests that were made to the private account: only it can answer them
    sends("/pedidos/rita/aceitar", (LOG_IN, 404, 404, 404, 404), (LOG_IN, 404, 404, 404, 303)),
    sends("/pedidos/rita/recusar", (LOG_IN, 404, 404, 404, 404), (LOG_IN, 404, 404, 404, 303)),
    api("PUT", "/api/requests/accept", (401, 404, 404, 404, 404), (401, 404, 404, 404, 200), username="rita"),
    api("PUT", "/api/requests/refuse", (401, 404, 404, 404, 404), (401, 404, 404, 404, 200), username="rita"),
    # About oneself
    page("/publicar", MEMBERS),
    sends("/publicar", DONE, file=True, upload_id="{upload_id}", caption="oi"),
    page("/pedidos", MEMBERS),
    page("/sugestoes", MEMBERS),
    page("/buscar?q=pa", MEMBERS),
    page("/perfil", MEMBERS),
    sends("/perfil", DONE, **PROFILE),
    sends("/perfil/foto", DONE, file=True),
    sends("/perfil/senha", DONE, current_password=PASSWORD, new_password="outra senha comprida"),
    sends("/sair", DONE),
    api("GET", "/api/session", API_MEMBERS),
    api("GET", "/api/profile", API_MEMBERS),
    api("PUT", "/api/profile", API_MEMBERS, full_name="Outro Nome Completo"),
    api("PUT", "/api/password", API_MEMBERS, current_password=PASSWORD, new_password="outra senha comprida"),
    api("POST", "/api/logout", (401, 204, 204, 204, 204)),
    api("GET", "/api/timeline", API_MEMBERS),
    api("GET", "/api/my/images", API_MEMBERS),
    api("GET", "/api/requests/received", API_MEMBERS),
    api("GET", "/api/requests/sent", API_MEMBERS),
    api("GET", "/api/suggestions", API_MEMBERS),
    api("GET", "/api/search?q=pa", API_MEMBERS),
    sends("/api/image/upload", (401, 201, 201, 201, 201), file=True, caption="oi"),
    sends("/api/profile/image/upload", (401, 201, 201, 201, 201), file=True),
)  # fmt: skip

CASES = [(row, kind, visitor) for row in ROWS for kind in OWNERS for visitor in VISITORS]
# These end the session that the visitor came with, or begin one: what they change is their work, whatever they answer.
OF_SESSIONS = ("/entrar", "/cadastro", "/api/login", "/api/register")


@pytest.mark.parametrize(
    ("row", "kind", "visitor"), CASES, ids=[f"{row.method} {row.path} {kind} {visitor}" for row, kind, visitor in CASES]
)
def test_what_each_visitor_is_answered(row: Row, kind: str, visitor: str, world: World) -> None:
    owner = OWNERS[kind]
    browser = world.visit(None if visitor == "nobody" else NAMES.get(visitor, owner))
    places = places_of(world, owner)
    before = rows_of(world)
    answer = ask(browser, row, places)
    expected = getattr(row, kind)[VISITORS.index(visitor)]
    assert answer.status_code == expected, answer.text[:500]
    if visitor == "nobody" and row.path not in OF_SESSIONS:
        assert_sent_to_log_in(answer)
    if answer.status_code >= 400 or (visitor == "nobody" and row.path not in OF_SESSIONS):
        assert rows_of(world) == before
    if kind == "private" and visitor not in ("follower", "owner") and row.method == "GET":
        assert_keeps_quiet(answer, owner, places)


def test_every_route_has_a_row(world: World) -> None:
    asked = {(endpoint_of(world.app, row, places_of(world, "paula")), row.method) for row in ROWS}
    there = {
        (rule.endpoint, method)
        for rule in world.app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert asked == there


def ask(browser: Browser, row: Row, places: dict[str, str]) -> TestResponse:
    path = row.path.format(**places)
    if row.form is not None:
        browser.get("/entrar")  # for the cookie of the visit, which who is not logged in needs to send a form
        form: dict[str, object] = {name: text.format(**places) for name, text in row.form.items()}
        if row.file:
            form["image"] = (io.BytesIO(a_png()), "nova.png")
        return browser.post(path, form)
    body = {name: text.format(**places) for name, text in row.json.items()} if row.json is not None else None
    return browser.call(row.method, path, body)


def places_of(world: World, owner: str) -> dict[str, str]:
    photo = world.photo(owner)
    face = world.user(owner).profile_image_url.split("/")[2]
    upload_id = world.services.gallery.new_upload_id()
    return {
        "user": owner,
        "photo": str(photo.id),
        "folder": photo.image_filename,
        "face": face,
        "upload_id": str(upload_id),
    }


def endpoint_of(app: Flask, row: Row, places: dict[str, str]) -> str:
    path = row.path.format(**places).partition("?")[0]
    endpoint, _ = app.url_map.bind("localhost").match(path, row.method)
    return endpoint


def rows_of(world: World) -> dict[str, set[tuple[object, ...]]]:
    """All that the catalogue and the object store know, but for sessions and attempts."""
    with closing(sqlite3.connect(world.folder / "catalogue.sqlite3")) as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        kept = [name for name in names if not name.endswith(("authsession", "attempts"))]
        found = {name: set(database.execute(f"SELECT * FROM {name}")) for name in kept}
    return found | {"objects": {(item.key, item.size) for item in world.objects.listing()}}


def assert_sent_to_log_in(answer: TestResponse) -> None:
    """Or refused outright; never let in."""
    if answer.status_code == LOG_IN:
        assert answer.location.startswith("/entrar")


def assert_keeps_quiet(answer: TestResponse, owner: str, places: dict[str, str]) -> None:
    """Neither the photo, nor what is said of it, nor where it is."""
    assert CAPTION.format(owner).encode() not in answer.data
    assert places["folder"].encode() not in answer.data
