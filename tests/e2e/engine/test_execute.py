"""`exec` and `attach`, from a process of their own whose streams are pipes or a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from tests.e2e.engine.surroundings import World

from cais.engine.protocol import ContainerState
from cais.images.model import RunConfig

pytestmark = pytest.mark.root

_PROGRAM = """
import sys
from tests.e2e.engine.surroundings import World
from cais.engine.protocol import ExecSpec
from cais.images.model import RunConfig
from cais.locations import Locations
world = World(Locations(root={root!r}, run={run!r}), "/", RunConfig())
sys.exit({call})
"""


IMAGE_CONFIG = RunConfig(env=("FROM_IMAGE=yes",), cmd=("sleep", "1000"))


def argv(world: World, call: str) -> list[str]:
    code = _PROGRAM.format(root=world.locations.root, run=world.locations.run, call=call)
    return [sys.executable, "-c", code]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": ":".join(path for path in sys.path if path)}


def execute(world: World, state: ContainerState, fields: str, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
    call = f"world.engine.execute({state.id!r}, ExecSpec({fields}))"
    outcome = subprocess.run(argv(world, call), input=stdin, capture_output=True, env=environment(), timeout=20)
    return outcome.returncode, outcome.stdout, outcome.stderr


def started(world: World, *command: str, **fields: object) -> ContainerState:
    return world.engine.start(world.engine.create(world.spec("a", *command, **fields)).id)


def test_streams_and_exit_code(world: World) -> None:
    state = started(world)
    fields = "argv=('sh', '-c', 'cat; echo loud >&2; exit 4'), interactive=True"
    assert execute(world, state, fields, b"given\n") == (4, b"given\n", b"loud\n")
    assert execute(world, state, "argv=('cat',)", b"not given\n") == (0, b"", b"")


@pytest.mark.parametrize(("command", "code"), [("nowhere", 127), ("/etc/passwd", 126)])
def test_what_cannot_start_has_dockers_code(world: World, command: str, code: int) -> None:
    found, _, error = execute(world, started(world), f"argv=({command!r},)")
    assert found == code
    assert error != b""


def test_user_environment_and_directory(world: World) -> None:
    state = started(world, environment={"OWN": "mine"})
    line = "id -u; id -G; echo $HOME $FROM_IMAGE $OWN $MORE; pwd; grep CapEff /proc/self/status"
    fields = f"argv=('sh', '-c', {line!r}), user='ana', environment={{'MORE': 'x'}}, working_dir='/tmp'"
    code, output, _ = execute(world, state, fields)
    assert code == 0
    assert output.decode().splitlines() == [
        "1000",
        "1000 10",
        "/home/ana yes mine x",
        "/tmp",
        "CapEff:\t0000000000000000",
    ]


def test_signalled_commands_end_with_128_and_the_number(world: World) -> None:
    assert execute(world, started(world), "argv=('sh', '-c', 'kill -9 $$')")[0] == 137


def test_interrupting_the_caller_interrupts_the_command(world: World) -> None:
    state = started(world)
    line = "trap 'echo caught; exit 9' INT; echo ready; while true; do sleep 0.02; done"
    call = f"world.engine.execute({state.id!r}, ExecSpec(argv=('sh', '-c', {line!r})))"
    caller = subprocess.Popen(argv(world, call), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
    assert caller.stdout is not None
    assert caller.stdout.readline() == b"ready\n"
    caller.send_signal(signal.SIGINT)
    assert b"caught" in caller.communicate(timeout=60)[0]
    deadline = time.monotonic() + 5
    while len(world.engine.processes(state.id)) > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert world.engine.processes(state.id) == (state.pid,)


class Terminal:
    """A program on a terminal of its own; `expect` reads until a text comes."""

    def __init__(self, command: list[str], rows: int, columns: int) -> None:
        self.seen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(command[0], command, environment())
        self.resize(rows, columns)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def write(self, text: bytes) -> None:
        os.write(self.fd, text)

    def expect(self, text: bytes) -> None:
        deadline = time.monotonic() + 10
        while text not in self.seen:
            ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"{text!r} did not come, only {self.seen!r}"
            self.seen += os.read(self.fd, 4096)
        self.seen = self.seen.partition(text)[2]

    def exit_code(self) -> int:
        try:
            while os.read(self.fd, 4096):
                pass
        except OSError:  # the terminal hung up
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


def test_a_terminal_has_our_size_and_follows_it(world: World) -> None:
    state = started(world)
    call = f"world.engine.execute({state.id!r}, ExecSpec(argv=('sh',), tty=True, interactive=True))"
    terminal = Terminal(argv(world, call), 33, 77)
    terminal.expect(b"# ")
    terminal.write(b"stty size; echo $TERM\r")
    terminal.expect(b"33 77")
    terminal.expect(b"xterm")
    terminal.resize(40, 90)
    time.sleep(0.2)
    terminal.write(b"stty size\r")
    terminal.expect(b"40 90")
    terminal.write(b"exit 6\r")
    assert terminal.exit_code() == 6


def test_without_a_terminal_none_can_be_given(world: World) -> None:
    code, _, error = execute(world, started(world), "argv=('sh',), tty=True")
    assert code == 1
    assert b"not a terminal" in error


def test_attach_shows_output_and_passes_input(world: World) -> None:
    line = "while read word; do echo got $word; [ $word = end ] && exit 5; done; echo input closed >&2; exit 8"
    state = started(world, "sh", "-c", line, stdin_open=True)
    call = f"world.engine.attach({state.id!r})"
    outcome = subprocess.run(argv(world, call), input=b"one\nend\n", capture_output=True, env=environment(), timeout=20)
    assert (outcome.returncode, outcome.stdout) == (5, b"got one\ngot end\n")


def test_attach_with_a_terminal(world: World) -> None:
    state = started(world, "sh", tty=True, stdin_open=True)
    terminal = Terminal(argv(world, f"world.engine.attach({state.id!r})"), 21, 66)
    time.sleep(0.5)
    terminal.write(b"\r")
    terminal.expect(b"# ")
    terminal.write(b"stty size\r")
    terminal.expect(b"21 66")
    terminal.resize(22, 67)
    time.sleep(0.2)
    terminal.write(b"stty size\r")
    terminal.expect(b"22 67")
    terminal.write(b"exit 3\r")
    assert terminal.exit_code() == 3


def test_files_and_devices_of_the_caller_keep_their_owner(world: World, tmp_path: Path) -> None:
    state = started(world)
    (tmp_path / "in").write_text("given\n" * 50_000)
    call = f"world.engine.execute({state.id!r}, ExecSpec(argv=('sh', '-c', 'cat; echo loud >&2'), user='54321:54321', interactive=True))"
    with (tmp_path / "in").open("rb") as source, (tmp_path / "out").open("wb") as output:
        code = subprocess.run(
            argv(world, call), stdin=source, stdout=output, stderr=subprocess.DEVNULL, env=environment(), timeout=20
        ).returncode
    assert code == 0
    assert (tmp_path / "out").read_text() == "given\n" * 50_000
    assert {(tmp_path / name).stat().st_uid for name in ("in", "out")} == {os.getuid()}
    assert os.stat(os.devnull).st_uid != 54321


def test_a_health_check_gets_nothing_of_the_host_s(world: World) -> None:
    state = started(world, user="54322:54322")
    result = world.engine.probe(state.id, ("CMD", "sh", "-c", "cat; readlink /proc/$$/fd/0"), 5.0)
    assert (result.exit_code, result.output[:5]) == (0, "pipe:")
    assert os.stat(os.devnull).st_uid != 54322


def test_a_descendant_that_keeps_the_streams_is_not_waited_for(world: World, tmp_path: Path) -> None:
    state = started(world)
    call = f"world.engine.execute({state.id!r}, ExecSpec(argv=('sh', '-c', 'sleep 100 & echo done')))"
    with (tmp_path / "out").open("wb") as output:
        code = subprocess.run(
            argv(world, call), stdout=output, stderr=subprocess.DEVNULL, env=environment(), timeout=10
        ).returncode
    assert (code, (tmp_path / "out").read_text()) == (0, "done\n")
