"""Bad input and bad luck: one clear message with place and remedy, a non-zero exit code, no traceback, nothing changed."""

import contextlib
import socket
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import leaks
from tests.e2e.harness import CHECKOUT, Cais

pytestmark = pytest.mark.root

HEAD = "services:\n  web:\n    image: {image}\n    init: true\n"

# name: (the Compose file, exit code, what stderr must have)
CASES: dict[str, tuple[str, int, tuple[str, ...]]] = {
    "mistyped attribute": (
        HEAD + "    enviroment:\n      A: b\n",
        15,
        ("compose.yaml:5:5", "enviroment", "environment"),
    ),
    "cycle": (
        "services:\n  a:\n    image: {image}\n    depends_on: [b]\n  b:\n    image: {image}\n    depends_on: [a]\n",
        15,
        ("compose.yaml:", "a", "b", "depend"),
    ),
    "missing env_file": (HEAD + "    env_file: missing.env\n", 15, ("compose.yaml:5", "missing.env")),
    "required variable": (
        HEAD + "    environment:\n      A: ${{NOPE:?set it in .env}}\n",
        15,
        ("compose.yaml:6", "NOPE", "set it in .env"),
    ),
    "secret of a variable that is not set": (
        HEAD + "    secrets: [key]\nsecrets:\n  key:\n    environment: NO_SUCH_VARIABLE\n",
        1,
        ("compose.yaml:8", "NO_SUCH_VARIABLE", "key"),
    ),
    "unknown network": (HEAD + "    networks: [nowhere]\n", 15, ("compose.yaml:5", "nowhere")),
    "not YAML": ("services:\n  web: [\n", 15, ("compose.yaml:",)),
    "missing bind source": (
        HEAD
        + "    volumes:\n      - type: bind\n        source: ./nothing-here\n        target: /x\n        bind:\n          create_host_path: false\n",
        15,
        ("compose.yaml:6", "nothing-here"),
    ),
    "image nowhere": (
        "services:\n  web:\n    image: no.such.registry.invalid/thing:1\n",
        18,
        ("no.such.registry.invalid/thing:1", "cais image import"),
    ),
    "dies at once": (
        HEAD.replace("    init: true\n", "") + '    command: ["sh", "-c", "echo I will not; exit 3"]\n',
        1,
        ("exited with code 3", "I will not"),
    ),
    "dies a moment later": (
        HEAD.replace("    init: true\n", "") + '    command: ["sh", "-c", "sleep 0.1; echo bad setting; exit 3"]\n',
        1,
        ("exited with code 3", "bad setting"),
    ),
    "never healthy": (
        HEAD
        + '    healthcheck:\n      test: ["CMD", "sh", "-c", "echo still no; exit 4"]\n      interval: 200ms\n      retries: 2\n',
        1,
        ("unhealthy", "exit code 4", "still no"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_one_clear_message(project: Cais, tiny: str, name: str) -> None:
    text, code, words = CASES[name]
    (project.folder / "compose.yaml").write_text(text.format(image=tiny))
    result = project.run("up", "-d", "--wait", timeout_s=60)
    assert result.code == code, result
    for word in words:
        assert word in result.stderr, result
    assert "Traceback" not in result.stderr, result


def test_a_taken_port_is_named_with_who_took_it(project: Cais, tiny: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (project.folder / "compose.yaml").write_text(HEAD.format(image=tiny) + f'    ports: ["{port}:80"]\n')
        result = project.run("up", "-d")
    assert result.code == 1
    assert str(port) in result.stderr
    assert "python" in result.stderr


def test_dockerfile_syntax_error_has_its_line(project: Cais) -> None:
    (project.folder / "compose.yaml").write_text("services:\n  web:\n    build: .\n")
    (project.folder / "Dockerfile").write_text("FROM scratch\nRUNN echo\n")
    result = project.run("build")
    assert result.code == 15, result
    assert "Dockerfile:2:1" in result.stderr
    assert "RUN" in result.stderr


def test_failing_run_shows_step_exit_code_and_output(project: Cais, tiny: str) -> None:
    (project.folder / "compose.yaml").write_text("services:\n  web:\n    build: .\n")
    (project.folder / "Dockerfile").write_text(f"FROM {tiny}\nRUN echo nearly there && exit 9\n")
    before = leaks.state(project)
    result = project.run("build")
    assert result.code == 17, result
    for word in ("Dockerfile:2", "exit code", "9", "nearly there"):
        assert word in result.stderr, result
    leaks.check_same(project, before)


def test_no_project_here(project: Cais) -> None:
    result = project.run("up")
    assert result.code == 14
    assert "compose.yaml" in result.stderr


def test_unknown_verb_and_flag(project: Cais) -> None:
    assert 'did you mean "ps"?' in project.run("pss").stderr
    assert project.run("ps", "--no-such").code == 16


@pytest.fixture
def other(project: Cais, tiny: str, tmp_path: Path) -> Iterator[Cais]:
    """Another project that has a container, a port and a volume."""
    folder = tmp_path / f"{project.folder.name}other"
    folder.mkdir()
    other = Cais(project.root, folder)
    (folder / "compose.yaml").write_text(
        HEAD.format(image=tiny) + f'    container_name: {folder.name}-taken\n    ports: ["127.0.0.1::80"]\n'
        f'    volumes: ["v:/v"]\nvolumes:\n  v:\n    name: {folder.name}-volume\n'
    )
    other.ok("up", "-d")
    yield other
    other.run("down", "-v", "-t", "0")


def test_what_another_project_has_is_named_with_its_owner(project: Cais, tiny: str, other: Cais) -> None:
    name = other.folder.name
    file = project.folder / "compose.yaml"
    file.write_text(HEAD.format(image=tiny) + f"    container_name: {name}-taken\n")
    result = project.run("up", "-d")
    assert f'container name "{name}-taken" is taken by a container of project "{name}"' in result.stderr
    port = other.ok("port", "web", "80").stdout.strip().rpartition(":")[2]
    file.write_text(HEAD.format(image=tiny) + f'    ports: ["127.0.0.1:{port}:80"]\n')
    result = project.run("up", "-d")
    assert f'already published by container "{name}-taken"' in result.stderr
    file.write_text(HEAD.format(image=tiny) + f'    volumes: ["v:/v"]\nvolumes:\n  v:\n    name: {name}-volume\n')
    assert f'volume "{name}-volume" was made by project "{name}"' in project.ok("up", "-d").stderr


def test_a_full_disk_is_said_and_leaves_what_runs(project: Cais, tiny: str, tmp_path: Path) -> None:
    archive = tmp_path / "tiny.tar"
    project.ok("image", "save", tiny, "-o", str(archive))
    root = tmp_path / "small"
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(root)], check=True)
    small = Cais(root, project.folder)
    try:
        small.ok("image", "load", "-i", str(archive))
        (project.folder / "compose.yaml").write_text(HEAD.format(image=tiny))
        small.ok("up", "-d")
        with contextlib.suppress(OSError), (root / "fill").open("wb", buffering=0) as fill:
            while fill.write(bytes(4096)):
                pass
        result = small.run("up", "-d", "--force-recreate")
        assert result.code == 1, result
        assert "no space left" in result.stderr
        assert small.container("web")["State"] == "running"
        (root / "fill").unlink()
        small.ok("up", "-d", "--force-recreate")
    finally:
        small.run("down", "-t", "0")
        subprocess.run(["umount", "--lazy", str(root)], check=True)


def test_without_root_it_is_said_at_once(project: Cais, tiny: str) -> None:
    (project.folder / "compose.yaml").write_text(HEAD.format(image=tiny))
    packages = sysconfig.get_paths()["purelib"]
    program = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-m", "cais", "up"]
    env = {**project.env, "PYTHONPATH": f"{CHECKOUT / 'src'}:{packages}"}
    done = subprocess.run(program, cwd="/", env=env, capture_output=True, text=True, check=False)
    if "No module named" in done.stderr:
        pytest.skip("the checkout cannot be read by others")
    assert done.returncode == 1
    assert "needs root" in done.stderr
