"""The nginx base must start as the official image does."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping

import pytest
from tests.e2e.bases.box import Box, first_process, kill, opened
from tests.e2e.bases.conftest import Workshop

pytestmark = pytest.mark.root


@pytest.fixture
def box(workshop: Workshop) -> Iterator[Box]:
    with opened(workshop.store, workshop.image("nginx:1.26")) as box:
        yield box


@contextlib.contextmanager
def serving(box: Box, env: Mapping[str, str] = {}, *, user: str = "") -> Iterator[subprocess.Popen[bytes]]:
    process = box.start(env=env, user=user)
    try:
        yield process
    finally:
        kill(process)


def fetch(process: subprocess.Popen[bytes], url: str) -> str:
    """GET in the box's network, retried while nginx starts."""
    for _ in range(100):
        with contextlib.suppress(subprocess.CalledProcessError):  # unshare has not started its child yet
            into = ["nsenter", "--target", str(first_process(process)), "--net", "curl", "-sS", url]
            done = subprocess.run(into, capture_output=True, text=True)
            if done.returncode == 0:
                return done.stdout
        time.sleep(0.05)
    raise AssertionError(done.stderr)


def test_serves_its_page_logs_to_the_output_and_stops_on_its_signal(box: Box) -> None:
    with serving(box) as process:
        assert "Welcome to nginx!" in fetch(process, "http://127.0.0.1/")
        assert "Welcome to nginx!" in fetch(process, "http://[::1]/")
        assert "404 Not Found" in fetch(process, "http://127.0.0.1/absent")
        os.kill(first_process(process), signal.SIGQUIT)
        output, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert b'"GET / HTTP/1.1" 200' in output
    assert b"No such file" in output
    assert b"configuration complete; ready for start up" in output


def test_templates_take_defined_variables_only(box: Box) -> None:
    box.write(
        "/etc/nginx/templates/default.conf.template", "server { listen ${PORT}; return 200 '${GREETING} $uri\\n'; }\n"
    )
    box.write("/docker-entrypoint.d/12-extra.envsh", "export GREETING=hello", 0o755)
    with serving(box, {"PORT": "8081", "NGINX_ENTRYPOINT_QUIET_LOGS": "1"}) as process:
        assert fetch(process, "http://127.0.0.1:8081/there") == "hello /there\n"


def test_starts_as_its_own_user(box: Box) -> None:
    box.write("/etc/nginx/conf.d/default.conf", "server { listen 8080; location / { root /usr/share/nginx/html; } }\n")
    with serving(box, user="101:101") as process:
        assert "Welcome to nginx!" in fetch(process, "http://127.0.0.1:8080/")


def test_another_command_runs_untouched(box: Box) -> None:
    code, output = box.run(("/docker-entrypoint.sh", "echo", "hello"))
    assert (code, output) == (0, "hello\n")
