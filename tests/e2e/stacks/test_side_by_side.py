"""All five stacks at once on one machine: default ports where these do not collide, ports from the environment where they do."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.browser import free_port
from tests.e2e.conftest import copy_stack
from tests.e2e.harness import Cais, http, post_json
from tests.e2e.stacks import pythonbase
from tests.e2e.stacks.stack import FILES, PORTS, Stack

pytestmark = pytest.mark.root


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:  # another program of this machine has it
            return False
    return True


def allocate() -> dict[str, dict[str, int]]:
    """For each stack the ports that must come from the environment: those that another stack, or another program, has already."""
    taken: set[int] = set()
    chosen: dict[str, dict[str, int]] = {}
    for name, defaults in PORTS.items():
        for variable, port in defaults.items():
            if port in taken or not is_free(port):
                chosen.setdefault(name, {})[variable] = free_port()
            taken.add(port)
    return chosen


@pytest.fixture
def together(cais_root: Path, tmp_path: Path) -> Iterator[dict[str, Stack]]:
    pythonbase.ensure(cais_root)
    chosen = allocate()
    assert {"visitors", "starter"} <= chosen.keys()  # they collide with users
    stacks = {}
    for name in PORTS:
        env = {variable: str(port) for variable, port in chosen.get(name, {}).items()}
        folder = copy_stack(name, tmp_path)
        (folder / ".env").write_text(without(folder / ".env", env))
        stacks[name] = Stack(Cais(cais_root, folder, {"COMPOSE_FILE": FILES[name], **env}), {})
    try:
        yield stacks
    finally:
        for stack in stacks.values():
            stack.cais.run("down", "-v", "--rmi", "local", "-t", "0")


def without(settings: Path, names: dict[str, str]) -> str:
    """The settings, but for those that come from the environment."""
    lines = settings.read_text().splitlines(keepends=True)
    return "".join(line for line in lines if line.partition("=")[0] not in names)


def port(stack: Stack, service: str, inside: int) -> int:
    return int(stack.cais.ok("port", service, str(inside)).stdout.rpartition(":")[2])


def test_all_five_run_side_by_side(together: dict[str, Stack]) -> None:
    for stack in together.values():
        stack.up()
    for stack in together.values():
        assert {(c["State"], c["Health"]) for c in stack.services().values()} == {("running", "healthy")}
    users, visitors, starter, apis, fotogal = together.values()
    api = f"http://127.0.0.1:{port(users, 'backend', 8080)}/users"
    assert post_json(api, {"id": 1, "name": "Ana"}).status == 201
    assert "Ana" in http(f"http://127.0.0.1:{port(users, 'frontend', 8000)}/").body.decode()
    site = f"http://127.0.0.1:{port(visitors, 'frontend', 8080)}/api/visitors"
    assert post_json(site, {"name": "Bia"}).status == 201
    assert [visitor["name"] for visitor in http(site).json] == ["Bia"]
    assert set(http(f"http://127.0.0.1:{port(starter, 'app', 8000)}/").json) == {"commit", "branch"}
    assert http(f"http://127.0.0.1:{port(apis, 'api-frontend', 5000)}/").json["backend"]["api"] == "backend"
    assert "FotoGal" in http(f"http://127.0.0.1:{port(fotogal, 'proxy', 8080)}/entrar").body.decode()
    for name, stack in together.items():
        published = {
            entry["published"] for service in stack.configuration().values() for entry in service.get("ports", [])
        }
        defaults = {str(number) for variable, number in PORTS[name].items() if variable not in stack.cais.env}
        assert defaults <= published, name
    listed = users.cais.ok("ls").stdout
    assert all(name in listed for name in together)
