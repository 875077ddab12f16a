"""Build commands on a real runtime."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cais.build.executor import BuildMount, RunRequest
from cais.engine.native.buildexec import NativeBuildExecutor
from cais.errors import CaisError
from cais.locations import Locations

pytestmark = pytest.mark.root


def run(
    locations: Locations,
    root: str,
    line: str,
    *,
    user: str = "",
    mounts: tuple[BuildMount, ...] = (),
    stdin: bytes | None = None,
    network: str = "default",
) -> tuple[int, str]:
    output: list[bytes] = []
    request = RunRequest(
        root=root,
        argv=("/bin/sh", "-c", line),
        environment={"GREETING": "ola"},
        working_dir="/tmp",
        user=user,
        mounts=mounts,
        stdin=stdin,
        network=network,
    )
    code = NativeBuildExecutor(locations).run(request, output.append)
    return code, b"".join(output).decode()


def snapshot(root: str) -> dict[str, tuple[int, int, int, int]]:
    found = {}
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files, "."]:
            path = os.path.normpath(os.path.join(folder, name))
            status = os.lstat(path)
            found[path] = (status.st_mode, status.st_uid, status.st_size, status.st_mtime_ns)
    return found


def test_output_exit_code_environment_and_directory_are_the_commands(locations: Locations, busybox_root: str) -> None:
    code, output = run(locations, busybox_root, "echo $GREETING; pwd; echo $HOME; echo loud >&2; exit 3")
    assert (code, output) == (3, "ola\n/tmp\n/root\nloud\n")


def test_user_is_resolved_in_the_root(locations: Locations, busybox_root: str) -> None:
    code, output = run(locations, busybox_root, "id; echo $HOME", user="ana")
    assert code == 0
    assert output == "uid=1000(ana) gid=1000(ana) groups=10(wheel),1000(ana)\n/home/ana\n"


def test_capabilities_are_docker_defaults(locations: Locations, busybox_root: str) -> None:
    _, output = run(
        locations, busybox_root, "grep -E 'Cap(Eff|Bnd|Inh)' /proc/self/status; grep Seccomp: /proc/self/status"
    )
    assert "CapEff:\t00000000a80425fb" in output
    assert "CapInh:\t0000000000000000" in output
    assert "Seccomp:\t2" in output


def test_nothing_stays_in_the_root_that_the_command_did_not_make(
    locations: Locations, busybox_root: str, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3")
    before = snapshot(busybox_root)
    mounts = (
        BuildMount(kind="bind", target="/run/secrets/s", source=str(secret), read_only=True),
        BuildMount(kind="tmpfs", target="/root/.cache/pip"),
    )
    code, output = run(
        locations, busybox_root, "cat /run/secrets/s /etc/hosts; touch /root/.cache/pip/x", mounts=mounts
    )
    assert code == 0, output
    assert snapshot(busybox_root) == before


def test_what_the_command_puts_beside_a_mount_point_stays(locations: Locations, busybox_root: str) -> None:
    mounts = (BuildMount(kind="tmpfs", target="/root/.cache/pip"),)
    code, _ = run(locations, busybox_root, "echo kept > /root/.cache/kept; echo x > /etc/new", mounts=mounts)
    assert code == 0
    assert sorted(os.listdir(f"{busybox_root}/root/.cache")) == ["kept"]
    assert os.path.exists(f"{busybox_root}/etc/new")
    assert not os.path.exists(f"{busybox_root}/etc/hosts")


def test_standard_input_is_given(locations: Locations, busybox_root: str) -> None:
    assert run(locations, busybox_root, "cat", stdin=b"line\n") == (0, "line\n")


def test_without_network_there_is_only_loopback(locations: Locations, busybox_root: str) -> None:
    _, output = run(locations, busybox_root, "cat /proc/net/dev", network="none")
    assert "lo:" in output
    assert "eth0" not in output


def test_a_program_that_is_not_there_is_127(locations: Locations, busybox_root: str) -> None:
    output: list[bytes] = []
    request = RunRequest(root=busybox_root, argv=("nowhere",), environment={}, working_dir="/", user="")
    assert NativeBuildExecutor(locations).run(request, output.append) == 127
    assert b"nowhere" in b"".join(output)


def test_an_unknown_user_is_named(locations: Locations, busybox_root: str) -> None:
    with pytest.raises(CaisError, match='user "nobody-here"'):
        run(locations, busybox_root, "true", user="nobody-here")


def test_a_missing_bind_source_is_named(locations: Locations, busybox_root: str) -> None:
    with pytest.raises(CaisError, match='source "/no/such"'):
        run(locations, busybox_root, "true", mounts=(BuildMount(kind="bind", target="/x", source="/no/such"),))


def test_the_command_dies_with_its_caller(locations: Locations, busybox_root: str) -> None:
    code = f"""
from cais.build.executor import RunRequest
from cais.engine.native.buildexec import NativeBuildExecutor
from cais.locations import Locations
request = RunRequest(root={busybox_root!r}, argv=("sh", "-c", "echo up; sleep 314159 & sleep 314159"),
    environment={{}}, working_dir="/", user="")
NativeBuildExecutor(Locations(root={locations.root!r}, run={locations.run!r})).run(request, lambda b: print(b, flush=True))
"""
    caller = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": ":".join(sys.path)}
    )
    try:
        assert caller.stdout is not None
        assert b"up" in caller.stdout.readline()
        deadline = time.monotonic() + 5
        while _count_of("sleep", "314159") < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert _count_of("sleep", "314159") == 2
    finally:
        caller.send_signal(signal.SIGKILL)
        caller.communicate()
    deadline = time.monotonic() + 5
    while _count_of("sleep", "314159") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert _count_of("sleep", "314159") == 0
    assert run(locations, busybox_root, "true")[0] == 0
    assert os.listdir(os.path.join(locations.run, "build")) == []


def _count_of(*argv: str) -> int:
    wanted = "\0".join(argv) + "\0"
    count = 0
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            try:
                count += Path(f"/proc/{entry}/cmdline").read_text() == wanted
            except (FileNotFoundError, ProcessLookupError):
                continue
    return count
