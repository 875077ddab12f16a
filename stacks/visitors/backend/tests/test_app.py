"""The API by its answers, on SQLite in memory: no server, no container."""

import json

import pytest
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from app import MAX_BODY_BYTES, create_app
from models import db


@pytest.fixture
def client(tmp_path) -> FlaskClient:
    return create_app(f"sqlite:///{tmp_path}/visitors.db").test_client()


def add(client: FlaskClient, name: str) -> dict:
    answer = client.post("/api/visitors", json={"name": name})
    assert answer.status_code == 201
    return answer.get_json()


def test_a_new_visitor_is_answered_with_id_name_and_time(client):
    visitor = add(client, "  Ana  ")
    assert visitor["name"] == "Ana"
    assert visitor["id"] == 1
    assert visitor["created_at"].endswith("+00:00")
    assert client.get("/api/visitors/1").get_json() == visitor


def test_visitors_are_listed_newest_first(client):
    for name in ("Ana", "Bruno", "Célia"):
        add(client, name)
    assert [v["name"] for v in client.get("/api/visitors").get_json()] == ["Célia", "Bruno", "Ana"]


def test_pages_follow_one_another_without_gap_or_repetition(client):
    for number in range(5):
        add(client, f"v{number}")
    url, seen = "/api/visitors?limit=2", []
    while url:
        answer = client.get(url)
        seen += [v["name"] for v in answer.get_json()]
        link = answer.headers.get("Link")
        url = link[1 : link.index(">")] if link else None
    assert seen == ["v4", "v3", "v2", "v1", "v0"]


def test_the_largest_number_is_a_number(client):
    add(client, "Ana")
    assert len(client.get(f"/api/visitors?before={2**63 - 1}").get_json()) == 1


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=x", "limit=" + "9" * 5000, "limit=-1", "before=0", f"before={2**63}", "limit=²"],
)
def test_a_page_that_makes_no_sense_is_refused(client, query):
    answer = client.get(f"/api/visitors?{query}")
    assert answer.status_code == 400
    assert "whole number" in answer.get_json()["error"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "   "},
        {"name": "x" * 201},
        {"name": 7},
        {"name": None},
        [],
        "Ana",
        {"name": "a\x00b"},
        {"name": "a\ud800b"},
    ],
)
def test_a_name_that_will_not_do_is_refused(client, body):
    answer = client.post("/api/visitors", data=json.dumps(body), content_type="application/json")
    assert answer.status_code == 422
    assert answer.get_json()["error"]
    assert client.get("/api/visitors").get_json() == []


def test_the_longest_name_is_taken(client):
    assert add(client, "x" * 200)["name"] == "x" * 200


@pytest.mark.parametrize(
    ("send", "status"),
    [
        ({"data": "{", "content_type": "application/json"}, 400),
        ({"data": "name=Ana", "content_type": "application/x-www-form-urlencoded"}, 415),
        ({"data": b"x" * (MAX_BODY_BYTES + 1), "content_type": "application/json"}, 413),
    ],
)
def test_a_body_that_cannot_be_read_has_its_status(client, send, status):
    answer = client.post("/api/visitors", **send)
    assert answer.status_code == status
    assert set(answer.get_json()) == {"error"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "/api/nothing", 404),
        ("get", "/api/visitors/9", 404),
        ("get", f"/api/visitors/{2**63}", 404),
        ("delete", "/api/visitors", 405),
    ],
)
def test_unknown_things_are_json_too(client, method, path, status):
    answer = getattr(client, method)(path)
    assert answer.status_code == status
    assert answer.get_json()["error"]


def test_health_asks_the_database(client):
    assert client.get("/health").get_json() == {"status": "ok"}


def test_a_database_that_is_down_is_503_and_shows_nothing(client, monkeypatch):
    def down(*_args, **_kwargs):
        raise OperationalError("SELECT secret", {}, Exception("connection refused"))

    monkeypatch.setattr(db.session, "execute", down)
    answer = client.get("/health")
    assert answer.status_code == 503
    assert "secret" not in answer.get_data(as_text=True)
