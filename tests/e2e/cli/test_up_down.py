"""The life of a small project by the command line."""

import json
import socket
import time

import pytest

from cais.database import Database
from cais.images.known import Known
from tests.e2e import leaks
from tests.e2e.harness import Cais, answers, http, until

pytestmark = pytest.mark.root

WEB = """
services:
  web:
    image: {image}
    command: ["sh", "-c", "echo up > /www/index.html; exec httpd -f -p 8000 -h /www"]
    init: true
    environment:
      DEBUG: "{debug}"
    ports: ["127.0.0.1:{port}:8000"]
    restart: unless-stopped
    stop_grace_period: 1s
    healthcheck:
      test: ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8000/"]
      interval: 5s
    depends_on:
      db:
        condition: service_healthy
    volumes: ["data:/www"]
  db:
    image: {image}
    command: ["sh", "-c", "sleep 0.3; touch /tmp/ready; exec sleep infinity"]
    init: true
    healthcheck:
      test: ["CMD", "test", "-e", "/tmp/ready"]
      interval: 5s
volumes:
  data:
"""


def write(project: Cais, image: str, port: int, debug: str = "0") -> None:
    (project.folder / "compose.yaml").write_text(WEB.format(image=image, port=port, debug=debug))


@pytest.fixture
def port() -> int:
    from tests.e2e.browser import free_port

    return free_port()


def test_up_waits_for_health_in_order_and_down_leaves_nothing(project: Cais, tiny: str, port: int) -> None:
    before = leaks.state(project)
    write(project, tiny, port)
    result = project.ok("up", "-d", "--wait")
    assert result.stderr.index("db-1  Healthy") < result.stderr.index("web-1  Started")
    assert {c["Service"]: c["Health"] for c in project.containers()} == {"web": "healthy", "db": "healthy"}
    assert http(f"http://127.0.0.1:{port}/").body == b"up\n"
    assert len(set(leaks.links(project)) - set(before["links"])) == 3, "a bridge and two containers' interfaces"
    project.ok("stop", "web")
    stopped = project.container("web")
    assert (stopped["State"], stopped["Health"], stopped["Publishers"]) == ("exited", "", [])
    project.ok("down", "-v")
    assert project.containers() == []
    leaks.check_same(project, before)


def is_free(port: int) -> bool:
    with socket.socket() as other:
        try:
            other.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True


def test_a_stopped_service_lets_go_of_its_port(project: Cais, tiny: str, port: int) -> None:
    write(project, tiny, port)
    project.ok("up", "-d", "--wait")
    for how in (("stop", "web"), ("kill", "web")):
        project.ok(*how)
        until(lambda: project.container("web")["State"] == "exited")
        until(lambda: is_free(port))
        with socket.socket() as other:
            other.bind(("0.0.0.0", port))
            other.listen()
            refused = project.run("start", "web")
            assert refused.code == 1, refused
            assert f'{port}/tcp is already in use by "python' in refused.stderr
        project.ok("start", "web")
        until(lambda: answers(f"http://127.0.0.1:{port}/"))


def test_who_ends_and_is_not_restarted_lets_go_of_port_and_name(project: Cais, tiny: str, port: int) -> None:
    text = f"""
services:
  once: {{image: {tiny}, command: ["true"], ports: ["{port}:80"]}}
  asker: {{image: {tiny}, init: true}}
"""
    (project.folder / "compose.yaml").write_text(text)
    project.ok("up", "-d")
    until(lambda: project.container("once")["State"] == "exited")
    until(lambda: is_free(port))
    until(lambda: project.run("exec", "-T", "asker", "nslookup", "once", "127.0.0.11").code != 0)


def test_who_has_used_up_its_restarts_lets_go_of_its_port(project: Cais, tiny: str, port: int) -> None:
    ending = f"image: {tiny}\n    command: [sh, -c, exit 1]\n    restart: on-failure:2\n    ports: ['{port}:80']\n"
    (project.folder / "compose.yaml").write_text(f"services:\n  a:\n    {ending}")
    project.ok("up", "-d")
    until(lambda: is_free(port))
    assert project.container("a")["State"] == "exited"


def test_up_when_all_is_up_changes_nothing(project: Cais, tiny: str, port: int) -> None:
    write(project, tiny, port)
    project.ok("up", "-d", "--wait")
    before = {c["Service"]: c["Pid"] for c in project.containers()}
    assert project.ok("up", "-d", "--dry-run").stdout == "nothing to do\n"
    project.ok("up", "-d")
    assert {c["Service"]: c["Pid"] for c in project.containers()} == before


def test_only_what_changed_is_recreated_and_the_line_is_named(project: Cais, tiny: str, port: int) -> None:
    write(project, tiny, port)
    project.ok("up", "-d", "--wait")
    before = {c["Service"]: c["Pid"] for c in project.containers()}
    write(project, tiny, port, debug="1")
    result = project.ok("up", "-d", "--wait")
    assert 'environment.DEBUG changed from "0" to "1" (compose.yaml:8)' in result.stderr
    after = {c["Service"]: c["Pid"] for c in project.containers()}
    assert after["db"] == before["db"]
    assert after["web"] != before["web"]


def test_dry_run_prints_the_plan_and_changes_nothing(project: Cais, tiny: str, port: int) -> None:
    write(project, tiny, port)
    before = leaks.state(project)
    plan = project.ok("up", "-d", "--dry-run").stdout
    assert "create container" in plan
    assert "wait until db is healthy: web depends on it" in plan
    assert project.containers() == []
    leaks.check_same(project, before)


def test_a_dry_run_is_no_use_of_an_image(project: Cais, tiny: str, port: int) -> None:
    write(project, tiny, port)
    image = json.loads(project.ok("image", "inspect", tiny).stdout)[0]["Id"]
    database = Database(str(project.root / "cais.db"))
    known = Known(database)
    known.touch(image, time.time())
    database.connection().execute("UPDATE image_uses SET used_at = 1 WHERE image = ?", (image,))
    project.ok("up", "-d", "--dry-run")
    assert known.used_at(image) == 1
    project.ok("up", "-d")
    assert known.used_at(image) > 1
    database.close()


def test_two_commands_may_bring_the_same_project_up(project: Cais, tiny: str, port: int) -> None:
    write(project, tiny, port)
    both = [project.start("up", "-d") for _ in range(2)]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    assert {c["State"] for c in project.containers()} == {"running"}


def test_a_service_may_share_anothers_network(project: Cais, tiny: str) -> None:
    (project.folder / "compose.yaml").write_text(
        f"services:\n  side:\n    image: {tiny}\n    network_mode: service:main\n"
        f"  main:\n    image: {tiny}\n    init: true\n    hostname: mainhost\n"
    )
    project.ok("up", "-d")
    addresses = [project.ok("exec", "-T", name, "cat", "/proc/net/fib_trie").stdout for name in ("side", "main")]
    assert addresses[0] == addresses[1]


def test_data_in_a_volume_survives_down_and_up(project: Cais, tiny: str, port: int) -> None:
    write(project, tiny, port)
    project.ok("up", "-d", "--wait")
    project.ok("exec", "-T", "web", "sh", "-c", "echo hello > /www/x.txt")
    project.ok("down")
    project.ok("up", "-d", "--wait")
    assert http(f"http://127.0.0.1:{port}/x.txt").body == b"hello\n"


def test_a_killed_service_is_back_at_the_same_address(project: Cais, tiny: str, port: int) -> None:
    import os
    import signal

    write(project, tiny, port)
    project.ok("up", "-d", "--wait")
    old = project.container("web")
    os.kill(old["Pid"], signal.SIGKILL)
    until(lambda: project.container("web")["Pid"] not in {0, old["Pid"]})
    new = project.container("web")
    assert new["Addresses"] == old["Addresses"]
    assert until(lambda: answers(f"http://127.0.0.1:{port}/"))
    assert new["RestartCount"] == 1


def test_stop_start_restart_kill_rm(project: Cais, tiny: str, port: int) -> None:
    write(project, tiny, port)
    project.ok("up", "-d", "--wait")
    project.ok("stop", "web")
    assert project.container("web")["State"] == "exited"
    project.ok("start", "web")
    first = project.container("web")
    assert first["State"] == "running"
    project.ok("restart", "-t", "0", "web")
    assert project.container("web")["Pid"] != first["Pid"]
    project.ok("kill", "db")
    until(lambda: project.container("db")["State"] == "exited")
    assert "(137)" in project.container("db")["Status"]
    project.ok("rm", "-f", "db")
    assert [c["Service"] for c in project.containers()] == ["web"]


def test_scale_up_and_down(project: Cais, tiny: str) -> None:
    (project.folder / "compose.yaml").write_text(f"services:\n  job:\n    image: {tiny}\n    init: true\n")
    project.ok("up", "-d", "--scale", "job=3")
    assert len(project.containers()) == 3
    project.ok("up", "-d", "--scale", "job=1")
    assert [c["Name"].rpartition("-")[2] for c in project.containers()] == ["1"]


def test_a_service_that_has_done_its_work_was_started(project: Cais, tiny: str) -> None:
    """As with Docker: who depends on it (without a condition) is started, however soon it ended, and with what code."""
    text = f"""
services:
  once: {{image: {tiny}, command: [sh, -c, exit 3]}}
  web: {{image: {tiny}, init: true, depends_on: [once]}}
"""
    (project.folder / "compose.yaml").write_text(text)
    for _ in range(3):
        project.ok("up", "-d")
        assert project.container("web")["State"] == "running"
        project.ok("down", "-t", "0")
