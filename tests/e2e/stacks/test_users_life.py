"""`stacks/users` as a thing to operate: stopping, dying, coming back, keeping data, developing; and the backend's own tests."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.browser import free_port
from tests.e2e.conftest import copy_stack
from tests.e2e.harness import CHECKOUT, Cais, answers, http, post_json, until
from tests.e2e.stacks.life import STOP_S, kill_and_wait, quickest
from tests.e2e.stacks.stack import SlowGet, SlowPost, Stack, Stopping

pytestmark = pytest.mark.root


@pytest.fixture
def api(users: Stack) -> Iterator[str]:
    """The address of the users; both services are up before and after the test."""
    users.ensure_up()
    yield f"http://127.0.0.1:{users.cais.env['BACKEND_PORT']}/users"
    users.ensure_up()


def page(users: Stack) -> str:
    return f"http://127.0.0.1:{users.cais.env['FRONTEND_PORT']}/"


def new_id(api: str) -> int:
    return max((user["id"] for user in http(api).json if user["id"] < 10**9), default=0) + 1


def test_the_backend_passes_its_own_tests_with_the_race_detector(cais_root: Path) -> None:
    """`go vet` and `go test -race` in the image that compiles it; only a build, so nothing is left."""
    cais = Cais(cais_root, CHECKOUT / "stacks/users")
    cais.ok("-f", "compose.test.yaml", "build", timeout_s=600)


def test_a_request_in_flight_to_the_backend_is_finished_before_the_stop(users: Stack, api: str) -> None:
    def stop() -> float:
        user = {"id": new_id(api), "name": "em andamento"}
        with SlowPost("127.0.0.1", int(users.cais.env["BACKEND_PORT"]), "/users", user) as post:
            time.sleep(0.2)  # the server has read the head
            stopping = Stopping(users, "backend")
            time.sleep(0.4)
            assert not stopping.is_over()
            answer = post.finish()
        assert (answer.status, answer.json) == (201, user), answer.body
        seconds = stopping.seconds()
        assert users.cais.container("backend")["ExitCode"] == 0
        users.ensure_up()
        assert http(f"{api}/{user['id']}").json == user
        return seconds

    assert quickest(stop, users) < STOP_S


def test_a_request_in_flight_to_the_page_is_finished_before_the_stop(users: Stack, api: str) -> None:
    def stop() -> float:
        with SlowGet("127.0.0.1", int(users.cais.env["FRONTEND_PORT"])) as get:
            time.sleep(0.2)
            stopping = Stopping(users, "frontend")
            time.sleep(0.4)
            assert not stopping.is_over()
            answer = get.finish()
        assert answer.status == 200, answer.body
        seconds = stopping.seconds()
        assert users.cais.container("frontend")["ExitCode"] == 0
        return seconds

    assert quickest(stop, users) < STOP_S


@pytest.mark.parametrize("service", ["backend", "frontend"])
def test_a_request_that_never_ends_does_not_hold_up_the_stop(users: Stack, api: str, service: str) -> None:
    port = int(users.cais.env[f"{service.upper()}_PORT"])

    def stop() -> float:
        with SlowGet("127.0.0.1", port):
            time.sleep(0.2)
            seconds = Stopping(users, service).seconds()
        assert users.cais.container(service)["ExitCode"] == 0
        return seconds

    assert quickest(stop, users) < STOP_S


@pytest.mark.parametrize("service", ["backend", "frontend"])
def test_a_killed_service_is_back_and_serving(users: Stack, api: str, service: str) -> None:
    user = {"id": new_id(api), "name": f"antes de {service}"}
    assert post_json(api, user).status == 201

    def is_serving() -> bool:
        answer = answers(page(users))
        return answer is not None and answer.status == 200

    kill_and_wait(users, service, is_serving)
    assert http(f"{api}/{user['id']}").json == user
    assert post_json(api, {"id": new_id(api), "name": f"depois de {service}"}).status == 201


def test_data_survives_down_and_up(users: Stack, api: str) -> None:
    user = {"id": new_id(api), "name": "fica"}
    assert post_json(api, user).status == 201
    users.cais.ok("down")
    assert users.services() == {}
    progress = users.up().stderr
    steps = ("backend-1  Started", "backend-1  Healthy", "frontend-1  Started")
    assert sorted(steps, key=progress.index) == list(steps), progress
    assert http(f"{api}/{user['id']}").json == user
    assert post_json(api, user).status == 409


def test_an_edit_on_the_host_is_served_without_rebuild_or_restart(cais_root: Path, tmp_path: Path) -> None:
    """With the development override, which is read by itself."""
    folder = copy_stack("users", tmp_path)
    ports = {"FRONTEND_PORT": str(free_port()), "BACKEND_PORT": str(free_port())}
    cais = Cais(cais_root, folder, {"COMPOSE_PROJECT_NAME": f"usersdev{os.getpid()}", **ports})
    try:
        cais.ok("up", "-d", "--wait")
        before = cais.container("frontend")
        code = folder / "frontend/app.py"
        code.write_text(code.read_text().replace("Esta página não existe.", "Página nenhuma."))
        url = f"http://127.0.0.1:{ports['FRONTEND_PORT']}/nada"
        until(lambda: (answer := answers(url)) is not None and "Página nenhuma." in answer.body.decode())
        template = folder / "frontend/templates/error.html"
        template.write_text(template.read_text().replace("<h1>Erro</h1>", "<h1>Ops</h1>"))
        until(lambda: "<h1>Ops</h1>" in http(url).body.decode())
        after = cais.container("frontend")
        assert (after["ID"], after["Pid"], after["StartedAt"]) == (before["ID"], before["Pid"], before["StartedAt"])
    finally:
        cais.run("down", "-v", "--rmi", "local", "-t", "0")
