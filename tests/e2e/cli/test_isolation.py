"""What a container may use is limited, what it may see is its own."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.harness import Cais, until

pytestmark = pytest.mark.root


def write(project: Cais, image: str, *services: str, top: str = "") -> None:
    blocks = (f"  s{number}:\n    image: {image}\n" + block for number, block in enumerate(services, 1))
    (project.folder / "compose.yaml").write_text("services:\n" + "".join(blocks) + top)


def lines(*attributes: str) -> str:
    return "".join(f"    {line}\n" for line in attributes)


ENDLESS = ("command: [sleep, infinity]", "init: true", "stop_grace_period: 0s")
EATER = "command: [sh, -c, 'x=0123456789; while :; do x=$$x$$x; done']"


def test_a_process_that_takes_too_much_memory_is_killed_and_the_reason_told(project: Cais, tiny: str) -> None:
    write(project, tiny, lines(EATER, "mem_limit: 16m"))
    project.ok("up", "-d")
    until(lambda: project.container("s1")["State"] == "exited")
    found = project.container("s1")
    assert (found["ExitCode"], found["Reason"]) == (137, "out of memory (limit 16 MiB)")


def test_a_child_killed_for_memory_is_told_apart(project: Cais, tiny: str) -> None:
    command = "command: [sh, -c, \"sh -c 'x=0123456789; while :; do x=$$x$$x; done'; exit 3\"]"
    write(project, tiny, lines(command, "mem_limit: 16m"))
    project.ok("up", "-d")
    until(lambda: project.container("s1")["State"] == "exited")
    found = project.container("s1")
    assert (found["ExitCode"], found["Reason"]) == (3, "a process in it was killed: out of memory (limit 16 MiB)")


def test_processes_and_processor_time_are_limited(project: Cais, tiny: str) -> None:
    forks = "command: [sh, -c, 'i=0; while [ $$i -lt 40 ]; do sleep 5 & i=$$((i+1)); done; echo all']"
    spins = "command: [sh, -c, 'while :; do :; done']"
    write(project, tiny, lines(forks, "pids_limit: 10"), lines(spins, "cpus: 0.2", "stop_grace_period: 0s"))
    project.ok("up", "-d")
    until(lambda: project.container("s1")["State"] == "exited")
    assert "can't fork" in project.ok("logs", "s1").stdout
    spinner = project.container("s2")["Pid"]
    assert 0.1 < _seconds_used(spinner, during_s=1.5) / 1.5 < 0.3


def _seconds_used(pid: int, *, during_s: float) -> float:
    def used() -> int:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    before = used()
    time.sleep(during_s)
    return (used() - before) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize(
    "attempt",
    [
        "echo 1 >/proc/sys/kernel/panic",
        "echo b >/proc/sysrq-trigger",
        "mount -t tmpfs none /tmp",
        "kill -0 {host_pid}",
        "grep -q . /proc/keys",
        "dd if=/proc/kcore of=/dev/null bs=1 count=1",
        "ls /sys/firmware | grep -q .",
        "echo -1 >/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "ls {volumes}",
        "cat {volumes}/../cais.db",
        "nc -w 1 127.0.0.1 {port} </dev/null",
        "nc -w 1 {gateway} {port} </dev/null",
    ],
)
def test_a_container_cannot(attempt: str, project: Cais, tiny: str) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as service:
        write(project, tiny, lines(*ENDLESS))
        project.ok("up", "-d")
        address = next(iter(project.container("s1")["Addresses"].values()))
        words = {
            "host_pid": os.getpid(),
            "volumes": project.root / "volumes",
            "port": service.getsockname()[1],
            "gateway": address.rpartition(".")[0] + ".1",
        }
        assert project.run("exec", "-T", "s1", "sh", "-c", attempt.format(**words)).code != 0


SECRET_TOP = """
secrets:
  told: {environment: TOLD_SECRET}
  filed: {file: ./secret.txt}
"""


def test_a_secret_is_seen_in_its_container_and_nowhere_else(project: Cais, tiny: str) -> None:
    told, filed = "told-9f3b6c1d", "filed-41c07a5e"
    (project.folder / "secret.txt").write_text(filed)
    (project.folder / "secret.txt").chmod(0o600)
    write(project, tiny, lines(*ENDLESS, "secrets: [told, filed]"), top=SECRET_TOP)
    result = project.run("--debug", "up", "-d", env={"TOLD_SECRET": told})
    assert result.code == 0, result
    inside = project.ok("exec", "-T", "s1", "cat", "/run/secrets/told", "/run/secrets/filed").stdout
    assert inside == told + filed
    shown = result.stdout + result.stderr
    shown += project.ok("ps", "-a", "--format", "json").stdout + project.ok("logs").stdout
    assert project.run("inspect").code != 0
    dump = subprocess.run(["strings", "-a", "-n", "6", *_files_of(project.root)], capture_output=True, text=True)
    arguments = "".join(p.read_text(errors="replace") for p in Path("/proc").glob("[0-9]*/cmdline") if p.exists())
    for secret in (told, filed):
        assert secret not in shown
        assert secret not in dump.stdout
        assert secret not in arguments


def _files_of(root: Path) -> list[str]:
    """The database with its side files, and all that Cais wrote of projects and containers."""
    found = [*root.glob("cais.db*"), *root.glob("run/projects/**/*"), *root.glob("run/containers/**/*")]
    return [str(path) for path in found if path.is_file() and not path.is_socket()]


def test_what_the_host_s_users_must_not_read_is_closed_to_them(project: Cais, tiny: str) -> None:
    write(
        project,
        tiny,
        lines(*ENDLESS, "environment: {PASSWORD: x}", "volumes: ['kept:/tmp']"),
        top="volumes: {kept: {}}\n",
    )
    project.ok("up", "-d")
    closed = [*project.root.glob("cais.db*"), project.root / "volumes", *(project.root / "containers").glob("*")]
    assert {path.name: oct(path.stat().st_mode & 0o077) for path in closed if path.stat().st_mode & 0o077} == {}


def test_who_calls_does_not_change_what_is_made(project: Cais, tiny: str) -> None:
    look = "umask; stat -c %a /vol /made /made/below; grep -E 'Sig(Ign|Blk)' /proc/1/status; cat /proc/1/oom_score_adj"
    write(
        project,
        tiny,
        lines('command: [sh, -c, "' + look + '"]', "volumes: ['kept:/vol']", "working_dir: /made/below"),
        top="volumes: {kept: {}}\n",
    )
    said = []
    for before in ("umask 022", "umask 077; trap '' HUP INT USR1; ulimit -c 0"):
        command = f"{before}; exec {sys.executable} -m cais up -d"
        subprocess.run(["sh", "-c", command], cwd=project.folder, env=project.env, check=True, capture_output=True)
        until(lambda: project.container("s1")["State"] == "exited")
        said.append(project.ok("logs", "--no-log-prefix").stdout)
        project.ok("down", "-v")
    assert said[0] == said[1]
    assert said[0].splitlines()[:4] == ["0022", "755", "755", "755"]
