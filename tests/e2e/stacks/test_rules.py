"""What holds for every service of every example system."""

import contextlib
import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.e2e.harness import CHECKOUT, until
from tests.e2e.stacks.life import processes_beside
from tests.e2e.stacks.stack import Stack

pytestmark = pytest.mark.root

LABELS = {f"org.opencontainers.image.{name}" for name in ("title", "source", "revision", "version")}
SHELLS = {"sh", "dash", "bash", "busybox", "tini", "catatonit", "docker-entrypoint.sh"}


@pytest.fixture(params=["visitors", "apis", "users", "starter", "fotogal"])
def stack(request: pytest.FixtureRequest) -> Stack:
    """Each stack in turn, all services healthy."""
    running: Stack = request.getfixturevalue(request.param)
    running.ensure_up()
    return running


def source(stack: Stack) -> Path:
    return CHECKOUT / "stacks" / stack.folder.name


def status_of(pid: int, key: str) -> list[str]:
    found = re.search(rf"^{key}:\s*(.*)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found, key
    return found[1].split()


def roots_processes(container_pid: int) -> list[int]:
    found = []
    for process in processes_beside(container_pid):
        with contextlib.suppress(OSError):  # it ended meanwhile
            if "0" in status_of(process, "Uid")[:3]:
                found.append(process)
    return found


def test_every_service_has_a_health_check_and_restarts_unless_stopped(stack: Stack) -> None:
    for name, service in stack.configuration().items():
        assert service["healthcheck"]["test"], name
        assert service["restart"] == "unless-stopped", name
    assert {c["Health"] for c in stack.services().values()} == {"healthy"}


def test_the_application_is_pid_1_and_no_process_is_root(stack: Stack) -> None:
    for name, container in stack.services().items():
        pid = container["Pid"]
        assert status_of(pid, "NSpid")[-1] == "1", name
        assert Path(f"/proc/{pid}/exe").readlink().name not in SHELLS, name
        # The runtime's own process, which is about to become a health check, is root's until it is one.
        until(lambda: not roots_processes(pid))  # noqa: B023  (it is over before the next)


def test_images_have_labels_and_exposed_ports(stack: Stack) -> None:
    for name in stack.configuration():
        config = stack.image(name)["Config"]
        assert config["ExposedPorts"], name
        if "build" in stack.configuration()[name]:
            assert set(config["Labels"]) >= LABELS, name
            assert config["Labels"]["org.opencontainers.image.revision"] == "0123abc", name


def test_no_secret_is_in_an_image(stack: Stack) -> None:
    """Neither in the configuration and history nor in any file of any layer."""
    for secret in stack.secrets.values():
        for name in stack.services():
            image = stack.image(name)
            assert secret not in json.dumps(image), name
            found = subprocess.run(
                ["grep", "-rlF", "--devices=skip", "-e", secret, *image["Snapshots"]],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert found.returncode == 1, found.stdout + found.stderr


def test_settings_are_ignored_by_git_and_by_builds(stack: Stack) -> None:
    folder = source(stack)
    listed = subprocess.run(["git", "ls-files", "."], cwd=folder, capture_output=True, text=True, check=True).stdout
    names = {Path(line).name for line in listed.splitlines()}
    assert ".env.example" in names
    assert ".env" not in names
    ignored = subprocess.run(["git", "check-ignore", "-q", ".env"], cwd=folder, check=False)
    assert ignored.returncode == 0
    for dockerfile in folder.rglob("Dockerfile"):
        assert (dockerfile.parent / ".dockerignore").is_file(), dockerfile


def test_bases_are_pinned_and_commands_are_in_exec_form(stack: Stack) -> None:
    for dockerfile in source(stack).rglob("Dockerfile"):
        text = dockerfile.read_text()
        stages = set(re.findall(r"^FROM .* AS (\S+)$", text, re.MULTILINE))
        for image in re.findall(r"^FROM (?:--\S+ )*(\S+)", text, re.MULTILINE):
            is_stage = image.replace("${VARIANT}", "slim") in stages
            assert is_stage or re.search(r":(?!latest)[\w.-]+", image), f"{dockerfile}: {image}"
        for command in re.findall(r"^(?:CMD|ENTRYPOINT) (.*)$", text, re.MULTILINE):
            assert isinstance(json.loads(command), list), dockerfile
    (file,) = [path for path in source(stack).iterdir() if re.fullmatch(r"(docker-)?compose\.ya?ml", path.name)]
    compose = yaml.safe_load(file.read_text())
    for name, service in compose["services"].items():
        assert "build" in service or re.search(r":(?!latest)[\w.-]+$", service["image"]), name
        for port in service.get("ports", []):
            assert re.match(r"^\"?\$\{\w+:-\d+\}:\d+$", port), f"{name}: {port}"
