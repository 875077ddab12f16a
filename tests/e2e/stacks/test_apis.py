"""`stacks/apis` handed in to its grader: all points for it, and a deliberately broken copy for each rule that loses that rule's points."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.browser import free_port
from tests.e2e.conftest import copy_stack
from tests.e2e.harness import Cais, answers, http, until
from tests.e2e.stacks.grader import APIS, RULES, Exercise, grade
from tests.e2e.stacks.life import STOP_S, kill_and_wait, quickest
from tests.e2e.stacks.stack import SlowGet, Stack, Stopping

pytestmark = pytest.mark.root

PORTS = {"api-frontend": "API_FRONTEND_PORT", "api-backend": "API_BACKEND_PORT"}


def ports(cais: Cais) -> dict[str, int]:
    return {api: int(cais.env[variable]) for api, variable in PORTS.items()}


@pytest.fixture
def exercise(apis: Stack) -> Iterator[Exercise]:
    """The stack as it is; both services are up again after the test."""
    apis.ensure_up()
    yield Exercise(apis.cais, ports(apis.cais))
    apis.ensure_up()


def test_the_exercise_gets_all_points(exercise: Exercise) -> None:
    result = grade(exercise, RULES)
    assert result.reasons == {}
    assert result.total == sum(rule.points for rule in RULES) == 20


def edit(*path: str, old: str, new: str) -> Callable[[Path], None]:
    """Replaces `old`, which has to be there."""

    def change(folder: Path) -> None:
        file = folder.joinpath(*path)
        text = file.read_text()
        assert old in text, f"{file} is not what this test was written for"
        file.write_text(text.replace(old, new))

    return change


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


BROKEN = (
    ("no licence", remove("LICENSE"), {"tree"}),
    ("no version", edit("api-backend", "Readme.md", old="3.13", new="trois"), {"readmes"}),
    ("no library", edit("api-frontend", "Readme.md", old="Flask", new="une bibliothèque"), {"readmes"}),
    ("no label", edit("api-backend", "Dockerfile", old="LABEL hub_url", new="LABEL url"), {"hub_url"}),
    ("another label", edit("api-frontend", "Dockerfile", old="/api-frontend", new="/api-backend"), {"hub_url"}),
    ("another tag", edit("docker-compose.yaml", old="api-backend:latest", new="api-backend:0.1.0"), {"latest"}),
    ("capitals", edit("api-backend", "api.py", old='status="ok")\n\n\n@app.get("/health")', new='status="OK")\n\n\n@app.get("/health")'), {"backend format", "frontend format"}),
    ("another key", edit("api-frontend", "api.py", old="backend=ask_backend()", new="back=ask_backend()"), {"frontend format"}),
    ("its own error", edit("api-frontend", "api.py", old="error=str(error)), 502", new="error=str(error)), 500"), {"bad gateway"}),
    ("a shell first", edit("api-backend", "Dockerfile", old='["python", "api.py"]', new='["sh", "-c", "python api.py; exit 1"]'), {"pid 1"}),
    ("a survivor", edit("api-backend", "api.py", old="    end.put(Crash(str(error)))\n", new=""), {"traceback", "restart"}),
    ("no way back", edit("docker-compose.yaml", old="healthcheck: *healthcheck\n    restart: unless-stopped", new="healthcheck: *healthcheck"), {"restart"}),
)  # fmt: skip


def test_there_is_a_broken_copy_for_each_rule() -> None:
    assert set().union(*(lost for _, _, lost in BROKEN)) == {rule.name for rule in RULES}


@pytest.mark.parametrize(("break_it", "lost"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_broken_copy_loses_the_points_of_its_rule(
    cais_root: Path, tmp_path: Path, break_it: Callable[[Path], None], lost: set[str]
) -> None:
    folder = copy_stack("apis", tmp_path)
    name = f"copy{os.getpid()}"
    rename_account(folder, name)
    break_it(folder)
    # What shows in files alone costs no start.
    is_live = any(rule.is_live for rule in RULES if rule.name in lost)
    rules = [rule for rule in RULES if rule.is_live == is_live]
    env = {"COMPOSE_PROJECT_NAME": name, **{variable: str(free_port()) for variable in PORTS.values()}}
    cais = Cais(cais_root, folder, env)
    try:
        if is_live:
            cais.ok("up", "-d", "--wait", "--build")
        result = grade(Exercise(cais, ports(cais)), rules)
    finally:
        cais.run("down", "-v", "--rmi", "all", "-t", "0")
    assert set(result.reasons) == lost, result.reasons
    assert result.total == sum(rule.points for rule in rules if rule.name not in lost)


def rename_account(folder: Path, account: str) -> None:
    """As somebody who hands in an exercise does: the images are under their own account."""
    for file in (folder / "docker-compose.yaml", *folder.glob("*/Dockerfile"), *folder.glob("*/Readme.md")):
        file.write_text(file.read_text().replace("caisstacks", account))


@pytest.mark.parametrize("api", APIS)
def test_a_killed_service_is_back_and_serving(apis: Stack, exercise: Exercise, api: str) -> None:
    kill_and_wait(apis, api, lambda: exercise.is_answering("api-frontend"))


@pytest.mark.parametrize("api", APIS)
def test_a_request_in_flight_is_finished_before_the_stop(apis: Stack, exercise: Exercise, api: str) -> None:
    def stop() -> float:
        with SlowGet("127.0.0.1", ports(apis.cais)[api]) as get:
            time.sleep(0.2)  # the server has read what is there
            stopping = Stopping(apis, api)
            time.sleep(0.4)
            assert not stopping.is_over()
            answer = get.finish()
        assert answer.status == 200, answer.body
        seconds = stopping.seconds()
        assert apis.cais.container(api)["ExitCode"] == 0
        return seconds

    assert quickest(stop, apis) < STOP_S


def test_without_the_backend_the_answer_is_502(apis: Stack, exercise: Exercise) -> None:
    apis.cais.ok("stop", "api-backend")
    answer = http(exercise.url("api-frontend"))
    assert (answer.status, list(answer.json)) == (502, ["error"])
    assert http(exercise.url("api-frontend", "/health")).status == 200
    apis.cais.ok("start", "api-backend")
    until(lambda: exercise.is_answering("api-frontend"))


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("POST", "/", 405)])
def test_errors_are_json(exercise: Exercise, method: str, path: str, status: int) -> None:
    for api in APIS:
        answer = http(exercise.url(api, path), method=method)
        assert (answer.status, list(answer.json)) == (status, ["error"])


def test_in_development_an_edit_is_served_without_a_rebuild(cais_root: Path, tmp_path: Path) -> None:
    folder = copy_stack("apis", tmp_path)
    files = ("-f", "docker-compose.yaml", "-f", "docker-compose.dev.yaml")
    env = {"COMPOSE_PROJECT_NAME": f"apisdev{os.getpid()}", **{name: str(free_port()) for name in PORTS.values()}}
    cais = Cais(cais_root, folder, env)
    url = f"http://127.0.0.1:{env['API_FRONTEND_PORT']}/"
    try:
        cais.ok(*files, "up", "-d", "--wait")
        before = cais.container("api-backend")
        code = folder / "api-backend/api.py"
        code.write_text(code.read_text().replace('status="ok")', 'status="edited")'))
        # While the backend starts again, the frontend says that it cannot reach it.
        until(lambda: (answer := answers(url)) is not None and answer.json.get("backend", {}).get("status") == "edited")
        assert cais.container("api-backend")["Pid"] == before["Pid"]
    finally:
        cais.run(*files, "down", "-v", "-t", "0")
