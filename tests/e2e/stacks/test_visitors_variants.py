"""The backend of `stacks/visitors` on its smaller bases: the same answers, and nothing to break in with."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.browser import free_port
from tests.e2e.conftest import copy_stack
from tests.e2e.harness import CHECKOUT, Cais, http, post_json
from tests.e2e.stacks.life import STOP_S, quickest
from tests.e2e.stacks.stack import Stack, Stopping, standing

pytestmark = pytest.mark.root

SHELLS = ("sh", "bash", "dash", "busybox")
MANAGERS = ("apt", "apt-get", "dpkg", "pip", "pip3", "apk", "rpm")


@pytest.fixture(params=["distroless", "hardened"])
def variant(request: pytest.FixtureRequest, cais_root: Path, tmp_path: Path) -> Iterator[Stack]:
    env = {
        "COMPOSE_FILE": "compose.yaml",
        "COMPOSE_PROJECT_NAME": f"visitors{request.param}{os.getpid()}",
        "FRONTEND_PORT": str(free_port()),
        "BACKEND_VARIANT": request.param,
    }
    with standing(Stack(Cais(cais_root, copy_stack("visitors", tmp_path), env), {})) as stack:
        yield stack


def test_it_serves_without_a_shell_a_package_manager_or_root(variant: Stack) -> None:
    url = f"http://127.0.0.1:{variant.cais.env['FRONTEND_PORT']}/api/visitors"
    visitor = post_json(url, {"name": "Zoé"})
    assert (visitor.status, http(url).json) == (201, [visitor.json])
    image = variant.image("backend")
    assert image["Config"]["User"] == "65532:65532"
    names = {path.name for folder in image["Snapshots"] for path in Path(folder).glob("usr/*bin/*")}
    assert "python3" in names
    assert names.isdisjoint({*SHELLS, *MANAGERS})
    assert variant.cais.run("exec", "-T", "backend", "sh", "-c", "true").code != 0
    assert quickest(lambda: Stopping(variant, "backend").seconds(), variant) < STOP_S
    assert variant.cais.container("backend")["ExitCode"] == 0


def test_the_script_measures_all_three(cais_root: Path) -> None:
    env = {**os.environ, "CAIS_ROOT": str(cais_root), "PATH": f"{CHECKOUT / '.venv/bin'}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["./variants.py"], cwd=CHECKOUT / "stacks/visitors", env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in done.stdout.splitlines()[2:]]
    assert [row[0] for row in rows] == ["`slim`", "`distroless`", "`hardened`"]
    sizes = [int(row[2].removesuffix(" MB")) for row in rows]
    debian = [int(row[3]) for row in rows]
    assert sizes == sorted(sizes, reverse=True)
    assert debian == sorted(debian, reverse=True)
    assert len({row[4] for row in rows[1:]}) == 1
