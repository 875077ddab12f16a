"""The API by its answers, with a small server in the place of api-backend: no container."""

from http.server import BaseHTTPRequestHandler, HTTPServer
from socket import create_server
from threading import Thread

import pytest
from flask.testing import FlaskClient

import api


@pytest.fixture
def client() -> FlaskClient:
    return api.app.test_client()


@pytest.fixture
def backend(monkeypatch):
    """Call it with a status and a body: a server that answers so, in the place of api-backend."""
    servers = []

    def start(status: int, body: bytes) -> None:
        class Answers(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args):
                pass

        server = HTTPServer(("127.0.0.1", 0), Answers)
        servers.append(server)
        Thread(target=server.serve_forever).start()
        monkeypatch.setattr(api, "BACKEND_URL", f"http://127.0.0.1:{server.server_port}/")

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_it_says_what_the_backend_says(client, backend):
    backend(200, b'{"api": "backend", "status": "ok"}')
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.get_json() == {"api": "frontend", "status": "ok", "backend": {"api": "backend", "status": "ok"}}
    assert list(answer.get_json()) == ["api", "status", "backend"]


@pytest.mark.parametrize(
    ("status", "body"), [(500, b'{"error": "x"}'), (200, b"no JSON"), (200, b" " * (api.LARGEST_ANSWER + 1))]
)
def test_an_answer_that_will_not_do_is_502(client, backend, status, body):
    backend(status, body)
    answer = client.get("/")
    assert answer.status_code == 502
    assert list(answer.get_json()) == ["error"]


def test_a_backend_that_is_not_there_is_502(client, monkeypatch):
    with create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    monkeypatch.setattr(api, "BACKEND_URL", f"http://127.0.0.1:{port}/")
    assert client.get("/").status_code == 502


def test_a_backend_that_does_not_answer_in_time_is_502(client, monkeypatch):
    monkeypatch.setattr(api, "BACKEND_TIMEOUT_S", 0.1)
    with create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(api, "BACKEND_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/")
        answer = client.get("/")
    assert answer.status_code == 502
    assert "in time" in answer.get_json()["error"]


def test_it_is_healthy_without_the_backend(client):
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
