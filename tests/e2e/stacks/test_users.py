"""`stacks/users` from outside: the API, the page in a browser, and what is left after a storm of clients."""

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.browser import Browser
from tests.e2e.harness import Answer, answers, http, post_json, until
from tests.e2e.stacks.life import frozen
from tests.e2e.stacks.load import Load
from tests.e2e.stacks.stack import Stack

pytestmark = [pytest.mark.root, pytest.mark.browser]

JSON = "application/json"
LARGEST = 2**63 - 1
CLIENTS = 32
LOAD_S = 20.0


@pytest.fixture
def api(users: Stack) -> Iterator[str]:
    """The address of the API, without users; both services are up again after the test."""
    users.ensure_up()
    url = f"http://127.0.0.1:{users.cais.env['BACKEND_PORT']}"
    for user in http(f"{url}/users").json:
        assert http(f"{url}/users/{user['id']}", method="DELETE").status == 204
    yield url
    users.ensure_up()


@pytest.fixture
def page(users: Stack, api: str) -> str:
    """The address of the page."""
    return f"http://127.0.0.1:{users.cais.env['FRONTEND_PORT']}/"


def put_json(url: str, value: object) -> Answer:
    return http(url, method="PUT", data=json.dumps(value).encode(), headers={"Content-Type": JSON})


def test_a_user_is_created_read_changed_and_removed(api: str) -> None:
    answer = post_json(f"{api}/users", {"id": 1, "name": "  Zoé 😀 "})
    assert (answer.status, answer.json) == (201, {"id": 1, "name": "Zoé 😀"})
    assert http(api + answer.headers["Location"]).json == answer.json
    assert post_json(f"{api}/users", {"id": LARGEST, "name": "ã" * 200}).status == 201
    changed = put_json(f"{api}/users/1", {"name": "Zoé"})
    assert (changed.status, changed.json) == (200, {"id": 1, "name": "Zoé"})
    assert http(f"{api}/users").json == [{"id": 1, "name": "Zoé"}, {"id": LARGEST, "name": "ã" * 200}]
    removed = http(f"{api}/users/1", method="DELETE")
    assert (removed.status, removed.body) == (204, b"")
    assert http(f"{api}/users/1").status == 404


@pytest.mark.parametrize(
    ("method", "path", "kind", "body", "status"),
    [
        ("POST", "/users", JSON, b'{"id": 2, ', 400),
        ("POST", "/users", JSON, b'{"id": 2, "name": "\xff"}', 400),
        ("GET", "/users?limit=x", None, None, 400),
        ("GET", "/users/zero", None, None, 400),
        ("GET", "/users/9223372036854775808", None, None, 400),
        ("GET", "/users/2", None, None, 404),
        ("PUT", "/users/2", JSON, b'{"name": "x"}', 404),
        ("DELETE", "/users/2", None, None, 404),
        ("GET", "/nothing", None, None, 404),
        ("PATCH", "/users/1", JSON, b"{}", 405),
        ("POST", "/users", JSON, b'{"id": 1, "name": "Bia"}', 409),
        ("POST", "/users", JSON, b'{"id": 2, "name": "' + b"x" * 16_500 + b'"}', 413),
        ("POST", "/users", "text/plain", b'{"id": 2, "name": "x"}', 415),
        ("POST", "/users", JSON, b'{"id": 0, "name": "x"}', 422),
        ("POST", "/users", JSON, b'{"id": 9223372036854775808, "name": "x"}', 422),
        ("POST", "/users", JSON, b'{"id": "2", "name": "x"}', 422),
        ("POST", "/users", JSON, b'{"id": 2, "name": " "}', 422),
        ("POST", "/users", JSON, b'{"id": 2, "name": "a\\ud800"}', 422),
        ("POST", "/users", JSON, json.dumps({"id": 2, "name": "x" * 201}).encode(), 422),
        ("PUT", "/users/1", JSON, b'{"id": 2, "name": "x"}', 422),
    ],
)
def test_every_error_is_json_with_its_status(
    api: str, method: str, path: str, kind: str | None, body: bytes | None, status: int
) -> None:
    assert post_json(f"{api}/users", {"id": 1, "name": "Ana"}).status == 201
    answer = http(api + path, method=method, data=body, headers={"Content-Type": kind} if kind else {})
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"] == JSON
    assert list(answer.json) == ["error"]
    assert answer.json["error"]
    assert http(f"{api}/users").json == [{"id": 1, "name": "Ana"}]


def test_the_form_creates_a_user_and_shows_it(page: str, browser: Browser, artefacts: Path) -> None:
    browser.open(page)
    assert browser.text("#empty") == "Ninguém ainda."
    browser.fill("#id", "7")
    browser.fill("#name", "Ana <b>Souza</b>")
    browser.click("button[type=submit]")
    until(lambda: browser.texts("#users td") == ["7", "Ana <b>Souza</b>"])
    assert browser.text("#created") == "O usuário 7 foi criado."
    browser.screenshot(artefacts / "created.png")


@pytest.mark.parametrize(
    ("typed_id", "typed_name", "field", "error"),
    [
        ("7", "Bia", "id", "Já existe um usuário com este ID."),
        ("sete", "Bia", "id", "O ID é um número inteiro, de 1 a 9223372036854775807."),
        ("", "Bia", "id", "O ID é um número inteiro, de 1 a 9223372036854775807."),
        ("8", "   ", "name", "O nome tem de 1 a 200 caracteres."),
    ],
    ids=["taken id", "no number", "no id", "no name"],
)
def test_the_form_shows_the_backends_error_beside_its_field(
    page: str, api: str, browser: Browser, artefacts: Path, typed_id: str, typed_name: str, field: str, error: str
) -> None:
    assert post_json(f"{api}/users", {"id": 7, "name": "Ana"}).status == 201
    browser.open(page)
    browser.fill("#id", typed_id)
    browser.fill("#name", typed_name)
    browser.click("button[type=submit]")
    until(lambda: browser.texts(".error") == [error])
    # Beside its field: the error stands right below the input it describes.
    assert browser.texts(f"#{field} + #{field}-error") == [error]
    browser.screenshot(artefacts / "refused.png")
    assert http(f"{api}/users").json == [{"id": 7, "name": "Ana"}]


def test_without_the_backend_the_page_can_be_read_and_is_503(
    users: Stack, page: str, browser: Browser, artefacts: Path
) -> None:
    users.cais.ok("stop", "backend")
    assert http(page).status == 503
    assert http(page, method="POST", data=b"id=1&name=Ana").status == 503
    browser.open(page)
    assert "não responde agora" in browser.text("#unavailable")
    browser.screenshot(artefacts / "unavailable.png")
    users.cais.ok("start", "backend")
    until(lambda: http(page).status == 200)
    browser.open(page)
    assert browser.text("h1") == "Usuários"


def test_a_backend_that_hangs_is_not_waited_for_for_ever(users: Stack, page: str) -> None:
    with frozen(users.cais, "backend"):
        assert http(page).status == 503
    until(lambda: (answer := answers(page)) is not None and answer.status == 200)


def database(users: Stack, to: Path) -> Path:
    """A copy of the file, with its write-ahead log if the stop left one."""
    (volume,) = json.loads(users.cais.ok("config", "--format", "json").stdout)["volumes"].values()
    for path in (users.cais.root / "volumes" / volume["name"]).glob("**/users.db*"):
        shutil.copy(path, to)
    return to / "users.db"


def test_a_storm_of_clients_loses_and_doubles_nothing(users: Stack, api: str, tmp_path: Path) -> None:
    """32 clients create, read, update and delete for 20 s, each sure of its own users and all after the same few; then the file is looked at."""
    load = Load("127.0.0.1", int(users.cais.env["BACKEND_PORT"]), CLIENTS)
    load.run(LOAD_S)
    assert load.failures == []
    assert load.requests > CLIENTS * 10
    assert http(f"{api}/users").json == [{"id": key, "name": name} for key, name in sorted(load.expected().items())]
    # What two clients wanted, one got: no id was given twice while it was taken.
    assert load.contested_wins() == load.contested_ids()
    users.cais.ok("stop", "backend")
    with contextlib.closing(sqlite3.connect(database(users, tmp_path))) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = file.execute("SELECT id, name FROM users").fetchall()
    assert sorted(rows) == sorted(load.expected().items())
