"""`stacks/fotogal` leaves the machine: the image built, pushed, checked, pulled again and run; and the development server without any other."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.browser import free_port
from tests.e2e.conftest import copy_stack
from tests.e2e.harness import Cais, answers, until
from tests.e2e.stacks import localregistry
from tests.e2e.stacks.gallery import Member, picture
from tests.e2e.stacks.stack import Stack

pytestmark = pytest.mark.root

NAMESPACE, USER = "axexemplo", "Ana.Souza@Example.org"


@pytest.fixture
def cais(cais_root: Path, tmp_path: Path) -> Cais:
    """A copy of the stack, in whose PATH `cais` is this one."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "cais").write_text(f'#!/bin/sh\nexec {sys.executable} -m cais "$@"\n')
    (programs / "cais").chmod(0o755)
    return Cais(
        cais_root,
        copy_stack("fotogal", tmp_path),
        {"PATH": f"{programs}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)},
    )


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    with localregistry.serving(tmp_path / "registry") as address:
        yield address


def push(cais: Cais, registry: str, token: str) -> subprocess.CompletedProcess[str]:
    """As the README tells it, with a registry of this machine in the place of Oracle's."""
    env = {"REGISTRY": registry, "NAMESPACE": NAMESPACE, "OCIR_USER": USER, "LOGIN": localregistry.ACCOUNT}
    return subprocess.run(
        ["./push.sh", "1.2.3"], cwd=cais.folder, env={**cais.env, **env}, input=token,
        capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip


def test_an_image_is_pushed_checked_and_run_from_the_registry(cais: Cais, registry: str, tmp_path: Path) -> None:
    done = push(cais, registry, localregistry.TOKEN)
    assert done.returncode == 0, done.stdout + done.stderr
    image = f"{registry}/{NAMESPACE}/ana.souza-example.org/fotogal:1.2.3"
    found = re.fullmatch(rf"{re.escape(image)}@(sha256:[0-9a-f]{{64}})", done.stdout.splitlines()[-1])
    assert found, done.stdout
    assert localregistry.TOKEN not in done.stdout + done.stderr
    assert not [path for path in tmp_path.glob("tmp.*") if path.is_dir()]  # the credentials are gone
    cais.ok("image", "rm", image)
    assert run_pulled(cais, f"{registry}/{NAMESPACE}/ana.souza-example.org/fotogal@{found[1]}", tmp_path) == 201


def run_pulled(cais: Cais, image: str, tmp_path: Path) -> int:
    """The status of an upload to a container of the image that is pulled: alone, with the stores that need no server."""
    port = free_port()
    config = tmp_path / "config"
    env = {"DOCKER_CONFIG": str(config)}
    logged_in = cais.run(
        "login",
        "-u",
        localregistry.ACCOUNT,
        "--password-stdin",
        image.partition("/")[0],
        stdin=localregistry.TOKEN,
        env=env,
    )
    assert logged_in.code == 0, logged_in
    project = tmp_path / "pulled.json"
    service = {
        "image": image,
        "pull_policy": "always",
        "ports": [f"{port}:5000"],
        "volumes": ["data:/opt/fotogal/data"],
    }
    project.write_text(
        json.dumps({"name": f"fotogalpulled{os.getpid()}", "services": {"app": service}, "volumes": {"data": {}}})
    )
    try:
        started = cais.run("-f", str(project), "up", "-d", env=env)
        assert started.code == 0, started
        site = f"http://127.0.0.1:{port}"
        until(lambda: (answer := answers(f"{site}/health/ready")) is not None and answer.status == 200)
        member = Member.register(site)
        answer = member.upload(picture())
        assert {member.call("GET", size["url"]).status for size in answer.json["sizes"]} == {200}
        return answer.status
    finally:
        cais.run("-f", str(project), "down", "-v", "-t", "0", "--rmi", "all")


def test_a_wrong_token_pushes_nothing_and_leaves_nothing(cais: Cais, registry: str, tmp_path: Path) -> None:
    done = push(cais, registry, "wrong")
    assert done.returncode != 0
    assert "wrong" not in done.stdout
    assert not (tmp_path / "registry/data/docker/registry/v2/repositories").exists()
    assert not [path for path in tmp_path.glob("tmp.*") if path.is_dir()]


def test_over_tls_cookies_travel_over_nothing_else(cais_root: Path, tmp_path: Path) -> None:
    """compose.tls.yaml, with a certificate of the test's own."""
    folder = copy_stack("fotogal", tmp_path)
    certificate, key = folder / "tls/fullchain.pem", folder / "tls/key.pem"
    certificate.parent.mkdir()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    os.chown(key, 101, 101)
    port = free_port()
    env = {
        "COMPOSE_FILE": "compose.yaml:compose.tls.yaml",
        "COMPOSE_PROJECT_NAME": f"fotogaltls{os.getpid()}",
        "FOTOGAL_PORT": str(free_port()),
        "FOTOGAL_TLS_PORT": str(port),
    }
    stack = Stack(Cais(cais_root, folder, env), {})
    try:
        stack.up()
        context = ssl.create_default_context(cafile=str(certificate))
        with urllib.request.urlopen(f"https://127.0.0.1:{port}/entrar", context=context, timeout=30) as page:
            cookie = page.headers["Set-Cookie"]
            assert page.headers["Strict-Transport-Security"]
        assert cookie.startswith("__Host-fotogal-visit=")
        assert {"Secure", "HttpOnly", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}
    finally:
        stack.cais.run("down", "-v", "--rmi", "local", "-t", "0")


def test_oracle_s_services_take_the_place_of_ours(cais: Cais) -> None:
    """As far as it can be told without an account: what would be started, and that no secret is a variable."""
    files = ("-f", "compose.yaml", "-f", "compose.oracle.yaml")
    services = json.loads(cais.ok(*files, "config", "--format", "json").stdout)["services"]
    assert set(services) == {"proxy", "app"}
    app = services["app"]
    assert not app.get("depends_on")
    assert {secret["target"] for secret in app["secrets"]} == {"/run/secrets/oci.conf", "/run/secrets/oci_key.pem"}
    assert app["environment"]["FOTOGAL_OBJECTS"] == "oci"
    assert app["environment"]["FOTOGAL_OCI_CONFIG"] == "/run/secrets/oci.conf"


@pytest.mark.skipif(shutil.which("python3") is None, reason="no python3 on this machine")
def test_one_command_runs_it_without_any_server(tmp_path: Path) -> None:
    folder = copy_stack("fotogal", tmp_path)
    port = free_port()
    env = {**os.environ, "PORT": str(port), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(["./dev.sh"], cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        site = f"http://127.0.0.1:{port}"
        until(lambda: (answer := answers(f"{site}/entrar")) is not None and answer.status == 200, timeout_s=180)
        member = Member.register(site)
        image = member.publish()
        assert {member.call("GET", size["url"]).status for size in image["sizes"]} == {200}
        assert (folder / "data/catalogue.sqlite3").is_file()
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=20)
