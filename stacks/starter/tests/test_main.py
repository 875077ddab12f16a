"""The application by its answers: no server, no container."""

import pytest
from flask.testing import FlaskClient

import main


@pytest.fixture
def client() -> FlaskClient:
    return main.app.test_client()


def test_it_says_what_it_was_built_from(client, monkeypatch):
    monkeypatch.setenv("app_commit", "0123abc")
    monkeypatch.setenv("app_branch", "feature/x")
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert answer.get_json() == {"commit": "0123abc", "branch": "feature/x"}


def test_outside_of_an_image_it_does_not_know(client, monkeypatch):
    monkeypatch.delenv("app_commit", raising=False)
    monkeypatch.delenv("app_branch", raising=False)
    assert client.get("/").get_json() == {
        "commit": "unknown",
        "branch": "unknown",
    }


def test_it_is_healthy(client):
    assert client.get("/health").get_json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("get", "/nothing", 404), ("post", "/", 405)],
)
def test_errors_are_json(client, method, path, status):
    answer = getattr(client, method)(path)
    assert answer.status_code == status
    assert list(answer.get_json()) == ["error"]


def test_what_nobody_foresaw_is_500_and_shows_nothing(client, monkeypatch):
    def fail() -> None:
        raise ValueError("secret")

    monkeypatch.setitem(main.app.view_functions, "index", fail)
    answer = client.get("/")
    assert answer.status_code == 500
    assert answer.get_json() == {"error": "internal error"}
