"""The client of the users' API against a small server that answers what a test wants."""

from http.server import BaseHTTPRequestHandler, HTTPServer
from socket import create_server
from threading import Thread

import pytest

from backend import Backend, BackendDown, Refused


def client(port: int) -> Backend:
    return Backend(f"http://127.0.0.1:{port}/", connect_timeout_s=1, read_timeout_s=0.2)


@pytest.fixture
def answering():
    """Call it with a status and a body: a client of a server that answers so. `asked` has the requests."""
    servers = []
    asked = []

    def start(status: int, body: str) -> Backend:
        class Answers(BaseHTTPRequestHandler):
            def do_GET(self):
                length = int(self.headers.get("Content-Length", 0))
                asked.append((self.command, self.path, self.rfile.read(length).decode()))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body.encode())

            def do_POST(self):
                self.do_GET()

            def log_message(self, *_args):
                pass

        servers.append(HTTPServer(("127.0.0.1", 0), Answers))
        Thread(target=servers[-1].serve_forever).start()
        return client(servers[-1].server_port)

    start.asked = asked
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_user_is_sent_as_the_api_wants_it(answering):
    assert answering(201, '{"id": 1, "name": "Ana"}').create(1, "Ana") == {"id": 1, "name": "Ana"}
    assert answering.asked == [("POST", "/users", '{"id": 1, "name": "Ana"}')]


def test_users_are_asked_for_by_page(answering):
    assert answering(200, "[]").users(after=7, limit=3) == []
    assert answering.asked == [("GET", "/users?limit=3&after=7", "")]


@pytest.mark.parametrize(
    ("error", "field", "text"),
    [
        ("id: already taken", "id", "already taken"),
        ("name: too long", "name", "too long"),
        ("no such user", "", "no such user"),
        ("odd: thing", "", "odd: thing"),
    ],
)
def test_a_refusal_knows_its_field(answering, error, field, text):
    with pytest.raises(Refused) as caught:
        answering(409, f'{{"error": "{error}"}}').create(1, "Ana")
    assert (caught.value.status, caught.value.field, caught.value.text) == (409, field, text)


@pytest.mark.parametrize(("status", "body"), [(503, '{"error": "x"}'), (500, "Traceback"), (200, "no JSON")])
def test_a_failing_backend_is_down(answering, status, body):
    with pytest.raises(BackendDown):
        answering(status, body).users()


def test_a_backend_that_is_not_there_is_down():
    with create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with pytest.raises(BackendDown):
        client(port).users()


def test_a_backend_that_does_not_answer_in_time_is_down():
    with create_server(("127.0.0.1", 0)) as silent, pytest.raises(BackendDown, match="timed out"):
        client(silent.getsockname()[1]).users()
