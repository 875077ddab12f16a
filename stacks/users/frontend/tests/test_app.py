"""The page by its answers, with a list in the place of the backend: no server, no container."""

import re

import pytest
from flask.testing import FlaskClient

from app import MAX_BODY_BYTES, PAGE_SIZE, create_app
from backend import BackendDown, Refused


class Users:
    """The backend's protocol over a dictionary. `error` is raised instead of an answer."""

    def __init__(self):
        self.names = {}
        self.error = None

    def users(self, *, after=0, limit=50):
        if isinstance(self.error, BackendDown):
            raise self.error
        return [{"id": key, "name": name} for key, name in sorted(self.names.items()) if key > after][:limit]

    def create(self, user_id, name):
        if self.error:
            raise self.error
        self.names[user_id] = name
        return {"id": user_id, "name": name}


@pytest.fixture
def users() -> Users:
    return Users()


@pytest.fixture
def client(users) -> FlaskClient:
    return create_app(users).test_client()


def field_error(html: str, field: str) -> str:
    found = re.search(rf'<p id="{field}-error"[^>]*>([^<]*)</p>', html)
    return found[1] if found else ""


def test_the_form_creates_a_user_and_the_list_shows_it(client, users):
    answer = client.post("/", data={"id": " 7 ", "name": "Ana <b>"}, follow_redirects=True)
    assert answer.status_code == 200
    assert users.names == {7: "Ana <b>"}
    assert "O usuário 7 foi criado." in answer.text
    assert "<td>7</td><td>Ana &lt;b&gt;</td>" in answer.text


def test_nobody_is_said_so(client):
    assert "Ninguém ainda." in client.get("/").text


@pytest.mark.parametrize(
    ("status", "error", "field", "shown"),
    [
        (409, "id: already taken", "id", "Já existe um usuário com este ID."),
        (422, "id: must be a whole number from 1 to 9223372036854775807", "id", "O ID é um número inteiro, de 1 a 9223372036854775807."),
        (422, "name: must have 1 to 200 characters", "name", "O nome tem de 1 a 200 caracteres."),
        (418, "name: is a teapot", "name", "is a teapot"),
        (413, "the body is too large", "form", ""),
    ],
)  # fmt: skip
def test_the_backends_error_is_beside_its_field(client, users, status, error, field, shown):
    users.error = Refused(status, error)
    answer = client.post("/", data={"id": "1", "name": "Bia"})
    assert answer.status_code == status
    if shown:
        assert field_error(answer.text, field) == shown
    other = {"id": "name", "name": "id"}.get(field)
    assert other is None or field_error(answer.text, other) == ""
    assert 'value="Bia"' in answer.text


@pytest.mark.parametrize("typed", ["", "x", "-1", "1.5", "9" * 31])
def test_what_is_no_number_is_left_to_the_backend(client, users, typed):
    client.post("/", data={"id": typed, "name": "Ana"})
    assert list(users.names) == [typed]


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_backend_that_is_down_is_a_page_with_503(client, users, method):
    users.error = BackendDown("connection refused to 10.1.2.3")
    answer = getattr(client, method)("/")
    assert answer.status_code == 503
    assert "não responde agora" in answer.text
    assert "10.1.2.3" not in answer.text


def test_the_list_goes_on_page_by_page(client, users):
    users.names = {number: f"n{number}" for number in range(1, PAGE_SIZE + 4)}
    first = client.get("/").text
    assert first.count("<tr><td>") == PAGE_SIZE
    following = re.search(r'id="more" href="([^"]+)"', first)[1]
    second = client.get(following).text
    assert second.count("<tr><td>") == 3
    assert 'id="more"' not in second


def test_a_page_that_makes_no_sense_is_the_first_one(client, users):
    users.names = {1: "Ana"}
    assert "Ana" in client.get("/?after=x").text


@pytest.mark.parametrize(
    ("method", "path", "data", "status"),
    [
        ("get", "/nada", None, 404),
        ("put", "/", None, 405),
        ("post", "/", {"id": "1", "name": "x" * MAX_BODY_BYTES}, 413),
    ],
)
def test_errors_are_pages(client, method, path, data, status):
    answer = getattr(client, method)(path, data=data)
    assert answer.status_code == status
    assert '<p id="error">' in answer.text


def test_what_nobody_foresaw_is_500_and_shows_nothing(client, users):
    users.error = ValueError("secret")
    answer = client.post("/", data={"id": "1", "name": "Ana"})
    assert answer.status_code == 500
    assert "secret" not in answer.text


def test_it_is_healthy_without_the_backend(client, users):
    users.error = BackendDown("gone")
    assert client.get("/health").get_json() == {"status": "ok"}
