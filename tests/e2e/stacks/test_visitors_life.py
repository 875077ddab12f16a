"""`stacks/visitors` as a thing to operate: stopping, dying, coming back, keeping data, developing."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import answers, http, post_json, until
from tests.e2e.stacks.life import STOP_S, kill_and_wait, quickest
from tests.e2e.stacks.stack import SlowPost, Stack, Stopping, in_development

pytestmark = pytest.mark.root

SERVICES = ("frontend", "backend", "db")


@pytest.fixture
def api(visitors: Stack) -> Iterator[str]:
    """The address of the visitors; all three services are up again after the test."""
    yield f"http://127.0.0.1:{visitors.cais.env['FRONTEND_PORT']}/api/visitors"
    visitors.ensure_up()


def place(visitors: Stack, service: str) -> tuple[str, int]:
    """Where a service itself listens: the host's port for nginx, the container's for the backend."""
    if service == "frontend":
        return "127.0.0.1", int(visitors.cais.env["FRONTEND_PORT"])
    return visitors.address(service), 8000


@pytest.mark.parametrize("service", ["frontend", "backend"])
def test_a_request_in_flight_is_finished_before_the_stop(visitors: Stack, api: str, service: str) -> None:
    def stop() -> float:
        with SlowPost(*place(visitors, service), "/api/visitors", {"name": "em andamento"}) as post:
            time.sleep(0.2)  # the server has read the head
            stopping = Stopping(visitors, service)
            time.sleep(0.4)
            assert not stopping.is_over()
            answer = post.finish()
        assert answer.status == 201, answer.body
        seconds = stopping.seconds()
        assert visitors.cais.container(service)["ExitCode"] == 0
        return seconds

    assert quickest(stop, visitors) < STOP_S
    visitors.ensure_up()
    assert http(api).json[0]["name"] == "em andamento"


@pytest.mark.parametrize("service", ["frontend", "backend"])
def test_a_request_that_never_ends_does_not_hold_up_the_stop(visitors: Stack, api: str, service: str) -> None:
    def stop() -> float:
        with SlowPost(*place(visitors, service), "/api/visitors", {"name": "nunca"}):
            time.sleep(0.2)
            seconds = Stopping(visitors, service).seconds()
        assert visitors.cais.container(service)["ExitCode"] == 0
        return seconds

    assert quickest(stop, visitors) < STOP_S


def test_the_database_stops_in_order_while_it_is_in_use(visitors: Stack, api: str) -> None:
    """SIGINT ("fast shutdown", as the official image asks for) ends sessions, so a query may fail, but nothing needs recovery."""
    assert http(api).status == 200
    assert quickest(lambda: Stopping(visitors, "db").seconds(), visitors) < STOP_S
    assert visitors.cais.container("db")["ExitCode"] == 0
    visitors.up()
    last = visitors.cais.ok("logs", "db").stdout.rpartition("received fast shutdown request")[2]
    assert "database system is shut down" in last
    assert "not properly shut down" not in last


@pytest.mark.parametrize("service", SERVICES)
def test_a_killed_service_is_back_and_serving(visitors: Stack, api: str, service: str) -> None:
    before = post_json(api, {"name": f"antes de {service}"}).json

    def is_serving() -> bool:
        answer = answers(api)
        return answer is not None and answer.status == 200

    kill_and_wait(visitors, service, is_serving)
    assert http(api).json[0] == before
    assert post_json(api, {"name": f"depois de {service}"}).status == 201


def assert_in_order(progress: str) -> None:
    """Each tier starts when the one it needs is healthy, not before."""
    steps = ("db-1  Started", "db-1  Healthy", "backend-1  Started", "backend-1  Healthy", "frontend-1  Started")
    places = [progress.index(step) for step in steps]
    assert places == sorted(places), progress


def test_data_survives_down_and_up(visitors: Stack, api: str) -> None:
    kept = post_json(api, {"name": "fica"}).json
    visitors.cais.ok("down")
    assert visitors.services() == {}
    assert_in_order(visitors.up().stderr)
    assert http(api).json[0] == kept
    assert post_json(api, {"name": "depois"}).json["id"] > kept["id"]


@pytest.fixture
def developed(cais_root: Path, tmp_path: Path) -> Iterator[Stack]:
    with in_development("visitors", "FRONTEND_PORT", cais_root, tmp_path) as stack:
        yield stack


def test_an_edit_on_the_host_is_served_without_rebuild_or_restart(developed: Stack) -> None:
    code = developed.folder / "backend/app.py"
    url = f"http://127.0.0.1:{developed.cais.env['FRONTEND_PORT']}/api/visitors/424242"

    def error() -> str:
        answer = answers(url)
        is_json = answer is not None and answer.headers["Content-Type"] == "application/json"
        return answer.json["error"] if answer is not None and is_json else ""

    assert error() == "no such visitor"
    before = developed.cais.container("backend")
    code.write_text(code.read_text().replace("no such visitor", "ninguém aqui"))
    until(lambda: error() == "ninguém aqui", timeout_s=10)
    broken = code.read_text()
    code.write_text(broken + "\ndef (\n")
    until(lambda: http(url).status >= 500, timeout_s=10)
    code.write_text(broken.replace("ninguém aqui", "consertado"))
    until(lambda: error() == "consertado", timeout_s=10)
    after = developed.cais.container("backend")
    assert (after["ID"], after["Pid"], after["RestartCount"]) == (before["ID"], before["Pid"], 0)
    assert (after["Image"], after["StartedAt"]) == (before["Image"], before["StartedAt"])


def test_the_development_server_is_pid_1_and_stops_at_once(developed: Stack) -> None:
    pid = developed.cais.container("backend")["Pid"]
    argv = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    assert b"flask" in argv
    assert quickest(lambda: developed.cais.ok("stop", "backend").seconds, developed) < STOP_S
