"""The API by its answers, and the process by its end: no container."""

import pytest
from flask.testing import FlaskClient

import api


@pytest.fixture
def client() -> FlaskClient:
    return api.app.test_client()


def test_it_says_that_it_is_there(client):
    answer = client.get("/")
    assert (answer.status_code, answer.get_json()) == (200, {"api": "backend", "status": "ok"})
    assert answer.content_type == "application/json"


def test_it_is_healthy(client):
    assert client.get("/health").get_json() == {"status": "ok"}


def test_traceback_asks_for_the_end_of_the_process(client):
    answer = client.get("/traceback")
    assert answer.status_code == 500
    assert "asked for the end" in answer.get_json()["error"]
    assert isinstance(api.end.get_nowait(), api.Crash)


@pytest.mark.parametrize(("method", "path", "status"), [("get", "/nothing", 404), ("post", "/", 405)])
def test_errors_are_json(client, method, path, status):
    answer = getattr(client, method)(path)
    assert answer.status_code == status
    assert list(answer.get_json()) == ["error"]


def test_what_nobody_foresaw_is_500_and_shows_nothing(client, monkeypatch):
    def fail() -> None:
        raise ValueError("secret")

    monkeypatch.setitem(api.app.view_functions, "index", fail)
    answer = client.get("/")
    assert (answer.status_code, answer.get_json()) == (500, {"error": "internal error"})
    assert api.end.empty()
