"""The example systems, each started once, and where a failed test leaves what it saw."""

import os
import secrets
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.browser import Browser, free_port
from tests.e2e.conftest import copy_stack
from tests.e2e.harness import Cais
from tests.e2e.stacks.stack import Stack


@pytest.fixture(scope="session")
def visitors(cais_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`stacks/visitors` as in production (no override), all services healthy."""
    folder = copy_stack("visitors", tmp_path_factory.mktemp("stacks"))
    password = secrets.token_hex(16)
    settings = folder / ".env"
    settings.write_text(settings.read_text().replace("change-me", password))
    env = {
        "COMPOSE_FILE": "compose.yaml",
        "COMPOSE_PROJECT_NAME": f"visitors{os.getpid()}",
        "FRONTEND_PORT": str(free_port()),
        "REVISION": "0123abc",
    }
    stack = Stack(Cais(cais_root, folder, env), {"POSTGRES_PASSWORD": password})
    try:
        stack.up()
        yield stack
    finally:
        stack.cais.run("down", "-v", "--rmi", "local", "-t", "0")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with Browser() as opened:
        yield opened


@pytest.fixture
def artefacts(request: pytest.FixtureRequest) -> Path:
    """A folder for what a test wants to show; a failure prints its name."""
    base = Path(os.environ.get("CAIS_TEST_ARTEFACTS", "/var/tmp/cais-test-artefacts"))
    folder = base / str(request.node.path.stem) / str(request.node.name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Leave a screenshot behind a failure, and say where."""
    report = yield
    used: dict[str, Any] = item.funcargs if isinstance(item, pytest.Function) else {}
    if "artefacts" in used and report.when == "call" and report.failed:
        if "browser" in used:
            used["browser"].screenshot(used["artefacts"] / "failed.png")
        report.sections.append(("artefacts", str(used["artefacts"])))
    return report
