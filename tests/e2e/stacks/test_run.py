"""`./run`, the README's first command: what it says when something is missing or in the way, and that it ends at the page."""

import os
import pty
import re
import select
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.browser import free_port
from tests.e2e.harness import CHECKOUT, Cais, http

pytestmark = pytest.mark.root

NOBODY = "65534"
# Packages are asked for by `dpkg-query`; this one says that conmon and nftables are not there.
DPKG_QUERY = """#!/bin/sh
for name; do :; done
case $name in conmon | nftables) exit 1 ;; *) printf installed ;; esac
"""


@pytest.fixture
def lacking(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine without conmon and nftables."""
    (tmp_path / "dpkg-query").write_text(DPKG_QUERY)
    (tmp_path / "dpkg-query").chmod(0o755)
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
    return {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}


def test_without_root_the_exact_command_is_printed(lacking: dict[str, str]) -> None:
    # What `./run` does first; the checkout may be in a folder that only root can read.
    readable = Path(lacking["PATH"].split(":")[0]) / "checkout"
    shutil.copytree(CHECKOUT / "scripts", readable / "scripts")
    shutil.copy(CHECKOUT / "run", readable / "run")
    done = subprocess.run(
        ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "./run", "-y"],
        cwd=readable, env=lacking, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    command = re.search(r"sudo sh -c '(.*)'", done.stderr)
    assert command, done.stderr
    install = command[1].removeprefix("apt-get update && apt-get install -y --no-install-recommends ")
    assert {"conmon", "nftables"} <= set(install.split()) <= {"conmon", "nftables", "python3", "python3-venv"}


def test_without_root_and_with_all_there_it_says_so(lacking: dict[str, str]) -> None:
    folder = Path(lacking["PATH"].split(":")[0])
    (folder / "dpkg-query").write_text("#!/bin/sh\nprintf installed\n")
    shutil.copytree(CHECKOUT / "scripts", folder / "checkout/scripts")
    shutil.copy(CHECKOUT / "run", folder / "checkout/run")
    done = subprocess.run(
        ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "./run"],
        cwd=folder / "checkout", env=lacking, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "sudo ./run" in done.stderr


def test_on_a_terminal_it_lists_each_package_with_its_reason_and_asks(lacking: dict[str, str]) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(CHECKOUT)
        os.execve("./run", ["./run"], lacking)
    shown = b""
    while b"[Y/n]" not in shown and select.select([terminal], [], [], 10)[0]:
        shown += os.read(terminal, 4096)
    os.write(terminal, b"n\n")
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    text = shown.decode()
    assert os.waitstatus_to_exitcode(status) == 1
    assert re.search(r"^  conmon +# container monitor", text, re.MULTILINE), text
    assert re.search(r"^  nftables +# published ports", text, re.MULTILINE), text


@pytest.fixture
def environment(cais_root: Path) -> Iterator[dict[str, str]]:
    """Settings of a project of its own, taken down after the test; the checkout's .env stays as it was."""
    env = {
        "CAIS_ROOT": str(cais_root),
        "COMPOSE_PROJECT_NAME": f"visitorsrun{os.getpid()}",
        "FRONTEND_PORT": str(free_port()),
    }
    if not (CHECKOUT / ".venv/bin/cais").exists():
        pytest.skip("no .venv/bin/cais: ./run would install one")
    settings = CHECKOUT / "stacks/visitors/.env"
    had_settings = settings.exists()
    yield {**os.environ, **env}
    Cais(cais_root, CHECKOUT / "stacks/visitors", env).run("down", "-v", "--rmi", "local", "-t", "0")
    if not had_settings:
        settings.unlink(missing_ok=True)


def run(env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["./run"], cwd=CHECKOUT, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def test_a_port_that_is_taken_leads_to_the_setting(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", int(environment["FRONTEND_PORT"]))):
        done = run(environment)
    assert done.returncode == 1
    assert f"port {environment['FRONTEND_PORT']} of this machine is taken" in done.stderr
    assert "FRONTEND_PORT=8090 ./run" in done.stderr
    assert "Container" not in done.stdout + done.stderr


def test_it_ends_with_the_table_and_the_page(environment: dict[str, str]) -> None:
    done = run(environment)
    assert done.returncode == 0, done.stdout + done.stderr
    page = re.search(r"the page: +(http://\S+)", done.stdout)
    assert page, done.stdout
    assert "Visitantes" in http(page[1]).body.decode()
    for service in ("frontend", "backend", "db"):
        assert re.search(rf"^\S+-{service}-1 .*\(healthy\)", done.stdout, re.MULTILINE), done.stdout
    began = time.monotonic()
    again = run(environment)
    assert again.returncode == 0
    assert time.monotonic() - began < 5
    assert page[0] in again.stdout
