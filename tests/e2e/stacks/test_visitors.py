"""`stacks/visitors` from outside: the API through nginx, and the page in a browser."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.browser import Browser
from tests.e2e.harness import Answer, http, post_json, until
from tests.e2e.stacks.stack import Stack

pytestmark = [pytest.mark.root, pytest.mark.browser]

PAGE = 20


@pytest.fixture
def site(visitors: Stack) -> Iterator[str]:
    """The address of the page; all three services are up again after the test."""
    yield f"http://127.0.0.1:{visitors.cais.env['FRONTEND_PORT']}"
    visitors.ensure_up()


def add(site: str, name: str) -> dict[str, Any]:
    answer = post_json(f"{site}/api/visitors", {"name": name})
    assert answer.status == 201, answer.body
    return dict(answer.json)


def assert_error(answer: Answer, status: int) -> None:
    """The status, and a body of {"error": text} that shows nothing of the inside."""
    assert answer.status == status, answer.body
    assert list(answer.json) == ["error"]
    assert answer.json["error"]
    assert "Traceback" not in answer.json["error"]
    assert answer.headers["Content-Type"] == "application/json"


def test_a_visitor_is_added_and_found_again(site: str) -> None:
    answer = post_json(f"{site}/api/visitors", {"name": "  Zoé 😀 "})
    assert answer.status == 201
    assert set(answer.json) == {"id", "name", "created_at"}
    assert answer.json["name"] == "Zoé 😀"
    assert http(site + answer.headers["Location"]).json == answer.json
    assert http(f"{site}/api/visitors").json[0] == answer.json


def test_visitors_come_newest_first_page_by_page(site: str) -> None:
    ids = [add(site, f"n{number}")["id"] for number in range(5)]
    url: str | None = "/api/visitors?limit=2"
    seen: list[int] = []
    while url:
        answer = http(site + url)
        assert len(answer.json) <= 2
        seen += [visitor["id"] for visitor in answer.json]
        link = answer.headers.get("Link")
        url = link.removeprefix("<").partition('>; rel="next"')[0] if link else None
    assert seen[:5] == ids[::-1]
    assert seen == sorted(set(seen), reverse=True)


JSON = "application/json"


@pytest.mark.parametrize(
    ("method", "path", "kind", "body", "status"),
    [
        ("POST", "/api/visitors", JSON, b'{"name": ', 400),
        ("POST", "/api/visitors", JSON, b'{"name": "\xff"}', 400),
        ("POST", "/api/visitors", JSON, b"[" * 9000, 400),
        ("GET", "/api/visitors?limit=0", None, None, 400),
        ("GET", "/api/visitors?before=x", None, None, 400),
        ("GET", "/api/visitors/%00", None, None, 400),
        ("GET", "/api/nothing", None, None, 404),
        ("GET", "/api/visitors/9223372036854775807", None, None, 404),
        ("GET", "/api/visitors/9223372036854775808", None, None, 404),
        ("PUT", "/api/visitors", JSON, b"{}", 405),
        ("TRACE", "/api/visitors", None, None, 405),
        ("POST", "/api/visitors", JSON, b'{"name": "' + b"x" * 16_500 + b'"}', 413),
        ("GET", "/api/visitors?limit=" + "9" * 5000, None, None, 414),
        ("GET", "/api/visitors?limit=" + "9" * 9000, None, None, 414),
        ("POST", "/api/visitors", "text/plain", b'{"name": "Ana"}', 415),
        ("POST", "/api/visitors", JSON, b"{}", 422),
        ("POST", "/api/visitors", JSON, b"[]", 422),
        ("POST", "/api/visitors", JSON, b'{"name": "  "}', 422),
        ("POST", "/api/visitors", JSON, b'{"name": 7}', 422),
        ("POST", "/api/visitors", JSON, b'{"name": "a\\u0000"}', 422),
        ("POST", "/api/visitors", JSON, b'{"name": "a\\ud800"}', 422),
        ("POST", "/api/visitors", JSON, json.dumps({"name": "x" * 201}).encode(), 422),
    ],
)
def test_every_error_is_json_with_its_status(
    site: str, method: str, path: str, kind: str | None, body: bytes | None, status: int
) -> None:
    headers = {"Content-Type": kind} if kind else {}
    assert_error(http(site + path, method=method, data=body, headers=headers), status)


def test_the_longest_name_is_stored_whole(site: str) -> None:
    assert add(site, "ã" * 200)["name"] == "ã" * 200


def test_without_the_database_the_answer_is_503(site: str, visitors: Stack) -> None:
    visitors.cais.ok("stop", "db")
    assert_error(post_json(f"{site}/api/visitors", {"name": "Ana"}), 503)
    assert_error(http(f"{site}/api/visitors"), 503)
    assert_error(http(f"http://{visitors.address('backend')}:8000/health"), 503)
    visitors.cais.ok("start", "db")
    until(lambda: http(f"{site}/api/visitors").status == 200)


def test_without_the_backend_the_answer_is_502(site: str, visitors: Stack) -> None:
    visitors.cais.ok("stop", "backend")
    assert_error(http(f"{site}/api/visitors"), 502)
    assert http(f"{site}/").status == 200
    visitors.cais.ok("start", "backend")
    until(lambda: http(f"{site}/api/visitors").status == 200)


def test_each_service_writes_its_log_to_its_output(site: str, visitors: Stack) -> None:
    assert http(f"{site}/api/visitors?limit=7").status == 200
    expected = {"frontend": "limit=7", "backend": "limit=7", "db": "ready to accept connections"}

    def missing() -> list[str]:
        return [name for name, line in expected.items() if line not in visitors.cais.ok("logs", name).stdout]

    until(lambda: not missing())


def test_the_form_adds_a_visitor_to_the_list(site: str, browser: Browser, artefacts: Path) -> None:
    browser.open(site)
    browser.fill("#name", "Ana <b>Souza</b>")
    browser.click("button[type=submit]")
    until(lambda: browser.texts("#list li:first-child span") == ["Ana <b>Souza</b>"])
    assert not browser.is_shown("#error")
    assert not browser.is_shown("#empty")
    browser.screenshot(artefacts / "registered.png")
    browser.open(site)
    until(lambda: browser.texts("#list li:first-child span") == ["Ana <b>Souza</b>"])


def test_the_form_shows_what_is_wrong_with_a_name(site: str, browser: Browser, artefacts: Path) -> None:
    browser.open(site)
    browser.fill("#name", "   ")
    browser.click("button[type=submit]")
    until(lambda: browser.is_shown("#error"))
    assert browser.text("#error") == "Escreva um nome de 1 a 200 caracteres."
    browser.screenshot(artefacts / "empty-name.png")
    browser.fill("#name", "Bia")
    browser.click("button[type=submit]")
    until(lambda: browser.texts("#list li:first-child span") == ["Bia"])
    assert not browser.is_shown("#error")


def test_show_more_appends_the_next_page(site: str, browser: Browser, artefacts: Path) -> None:
    names = [f"visita {number}" for number in range(PAGE + 1)]
    for name in names:
        add(site, name)
    browser.open(site)
    until(lambda: browser.is_shown("#more"))
    assert browser.texts("#list li span") == names[: -PAGE - 1 : -1]
    assert browser.text("#more") == "Mostrar mais"
    browser.click("#more")
    until(lambda: len(browser.texts("#list li span")) > PAGE)
    assert browser.texts("#list li span")[: PAGE + 1] == names[::-1]
    browser.screenshot(artefacts / "more.png")


@pytest.mark.parametrize(
    ("service", "message"),
    [
        ("backend", "O servidor não responde. Tente de novo daqui a pouco."),
        ("db", "O banco de dados não responde. Tente de novo daqui a pouco."),
    ],
    ids=["backend", "db"],
)
def test_the_page_says_what_does_not_answer(
    site: str, visitors: Stack, browser: Browser, artefacts: Path, service: str, message: str
) -> None:
    visitors.cais.ok("stop", service)
    browser.open(site)
    until(lambda: browser.is_shown("#error"))
    assert browser.text("#error") == message
    browser.screenshot(artefacts / f"{service}-stopped.png")
    visitors.cais.ok("start", service)
    until(lambda: http(f"{site}/api/visitors").status == 200)
    browser.fill("#name", "De volta")
    browser.click("button[type=submit]")
    until(lambda: browser.texts("#list li:first-child span") == ["De volta"])
    assert not browser.is_shown("#error")
