"""The example systems, each started once, and where a failed test leaves what it saw."""

import os
import secrets
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.browser import Browser, free_port
from tests.e2e.conftest import copy_stack
from tests.e2e.harness import Cais
from tests.e2e.stacks import pythonbase
from tests.e2e.stacks.stack import Stack, standing


@pytest.fixture(scope="session")
def visitors(cais_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`stacks/visitors` as in production (no override), all services healthy."""
    folder = copy_stack("visitors", tmp_path_factory.mktemp("stacks"))
    password = secrets.token_hex(16)
    settings = folder / ".env"
    settings.write_text(settings.read_text().replace("change-me", password))
    env = {"COMPOSE_FILE": "compose.yaml", "FRONTEND_PORT": str(free_port())}
    yield from started(Cais(cais_root, folder, {**env, **own_name("visitors")}), {"POSTGRES_PASSWORD": password})


@pytest.fixture(scope="session")
def fotogal(cais_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`stacks/fotogal` as in production (no override), all four services healthy."""
    folder = copy_stack("fotogal", tmp_path_factory.mktemp("stacks"))
    secret = {name: secrets.token_hex(16) for name in ("POSTGRES_PASSWORD", "S3_SECRET_KEY", "IMAGE_LINK_KEY")}
    settings = folder / ".env"
    text = settings.read_text()
    for name, value in secret.items():
        text = text.replace(f"{name}=change-me", f"{name}={value}")
    settings.write_text(text)
    env = {"COMPOSE_FILE": "compose.yaml", "FOTOGAL_PORT": str(free_port())}
    yield from started(Cais(cais_root, folder, {**env, **own_name("fotogal")}), secret)


@pytest.fixture(scope="session")
def apis(cais_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`stacks/apis`, all services healthy."""
    folder = copy_stack("apis", tmp_path_factory.mktemp("stacks"))
    env = {"API_FRONTEND_PORT": str(free_port()), "API_BACKEND_PORT": str(free_port())}
    yield from started(Cais(cais_root, folder, {**env, **own_name("apis")}))


@pytest.fixture(scope="session")
def users(cais_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`stacks/users` as in production (no override), both services healthy."""
    folder = copy_stack("users", tmp_path_factory.mktemp("stacks"))
    env = {"COMPOSE_FILE": "compose.yaml", "FRONTEND_PORT": str(free_port()), "BACKEND_PORT": str(free_port())}
    yield from started(Cais(cais_root, folder, {**env, **own_name("users")}))


@pytest.fixture(scope="session")
def starter(cais_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """`stacks/starter` as its developers run it, healthy. Its base is imported from a Python 3.12 of this machine."""
    pythonbase.ensure(cais_root)
    folder = copy_stack("starter", tmp_path_factory.mktemp("stacks"))
    env = {"APP_PORT": str(free_port()), "APP_COMMIT": "0123abc"}
    yield from started(Cais(cais_root, folder, {**env, **own_name("starter")}))


def own_name(name: str) -> dict[str, str]:
    """A project name that no other run of the tests has, and the revision that images are labelled with."""
    return {"COMPOSE_PROJECT_NAME": f"{name}{os.getpid()}", "REVISION": "0123abc"}


def started(cais: Cais, secrets: Mapping[str, str] = {}) -> Iterator[Stack]:
    """The stack in `cais.folder`, built and healthy; taken down at the end."""
    with standing(Stack(cais, secrets), "--build") as stack:
        yield stack


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
