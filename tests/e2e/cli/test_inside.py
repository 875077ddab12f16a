"""`exec`, `run`, `logs`, `top`, `port`, names and environment inside containers."""

import json
import signal

import pytest

from tests.e2e.harness import Cais, until

pytestmark = pytest.mark.root

TALK = """
services:
  talk:
    image: {image}
    init: true
    hostname: talker
    user: app
    environment:
      WHO: world
    command: ["sh", "-c", "echo out $$WHO; echo err >&2; exec sleep infinity"]
  other:
    image: {image}
    init: true
    networks:
      default:
        aliases: [friend]
  plain:
    image: {image}
    profiles: [tools]
"""


@pytest.fixture
def talk(project: Cais, tiny: str) -> Cais:
    (project.folder / "compose.yaml").write_text(TALK.format(image=tiny))
    project.ok("up", "-d")
    return project


def test_exec_gives_output_exit_code_and_input(talk: Cais) -> None:
    assert talk.ok("exec", "-T", "talk", "echo", "hi").stdout == "hi\n"
    assert talk.run("exec", "-T", "talk", "sh", "-c", "exit 7").code == 7
    assert talk.run("exec", "-T", "talk", "/no/such").code == 127
    nowhere = talk.run("exec", "-T", "-w", "/no/such", "talk", "true")
    assert (nowhere.code, nowhere.stdout) == (127, "")
    assert 'working directory "/no/such" does not exist in container' in nowhere.stderr
    assert talk.ok("exec", "-T", "talk", "cat", stdin="through\n").stdout == "through\n"


def test_exec_has_environment_user_and_folder(talk: Cais) -> None:
    assert talk.ok("exec", "-T", "-e", "A=1", "talk", "sh", "-c", "echo $A $WHO").stdout == "1 world\n"
    assert talk.ok("exec", "-T", "talk", "id", "-u").stdout == "1000\n"
    assert talk.ok("exec", "-T", "-u", "0", "talk", "id", "-u").stdout == "0\n"
    assert talk.ok("exec", "-T", "-w", "/tmp", "talk", "sh", "-c", "pwd").stdout == "/tmp\n"


def test_exec_takes_dockers_i_and_t(talk: Cais) -> None:
    assert talk.ok("exec", "-it", "talk", "echo", "hi").stdout == "hi\n"
    assert talk.ok("run", "--rm", "-it", "talk", "echo", "hi").stdout == "hi\n"


def test_exec_in_a_replica_that_is_not_there_says_which_are(talk: Cais) -> None:
    result = talk.run("exec", "-T", "--index", "3", "talk", "true")
    assert result.code == 1
    assert 'service "talk" has no replica 3' in result.stderr


def test_run_of_a_command_that_is_not_there_ends_as_a_shell_would(talk: Cais) -> None:
    assert talk.run("run", "--rm", "-T", "plain", "/no/such").code == 127
    assert talk.run("run", "--rm", "-T", "plain", "/etc/passwd").code == 126
    assert len(talk.containers()) == 2


def test_run_passes_signals_on(talk: Cais) -> None:
    script = "trap 'exit 6' INT; echo > /tmp/ready; while true; do sleep 0.1; done"
    process = talk.start("run", "--rm", "-T", "--name", "signalled", "talk", "sh", "-c", script)
    until(lambda: any(c["Name"] == "signalled" and c["State"] == "running" for c in talk.containers()))
    until(lambda: "sleep" in talk.ok("top").stdout.partition("signalled")[2])
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 6
    assert len(talk.containers()) == 2


def test_exec_in_a_stopped_service_says_so(talk: Cais) -> None:
    talk.ok("stop", "-t", "0", "talk")
    result = talk.run("exec", "-T", "talk", "true")
    assert result.code == 1
    assert 'service "talk" is not running' in result.stderr


def test_logs_have_both_streams_and_a_prefix(talk: Cais) -> None:
    until(lambda: "err" in talk.ok("logs", "talk").stdout)
    lines = talk.ok("logs", "talk").stdout.splitlines()
    assert sorted(line.partition("|")[2].strip() for line in lines) == ["err", "out world"]
    assert lines[0].startswith("talk-1  | ")
    assert talk.ok("logs", "--no-log-prefix", "--tail", "0", "talk").stdout == ""


def test_names_and_aliases_resolve(talk: Cais) -> None:
    address = next(iter(talk.container("other")["Addresses"].values()))
    for name in ("other", "friend"):
        assert address in talk.ok("exec", "-T", "talk", "nslookup", name).stdout
    assert talk.ok("exec", "-T", "talk", "hostname").stdout == "talker\n"


def test_run_gives_exit_code_output_and_goes(talk: Cais) -> None:
    result = talk.run("run", "--rm", "-T", "talk", "sh", "-c", "echo one-off; exit 3")
    assert (result.code, result.stdout) == (3, "one-off\n")
    assert len(talk.containers()) == 2


def test_run_leaves_its_container_without_rm(talk: Cais) -> None:
    talk.ok("run", "-T", "--name", "keep-me", "talk", "true")
    assert [c["Name"] for c in talk.containers() if c["State"] == "exited"] == ["keep-me"]
    talk.ok("rm", "-f")


def test_top_lists_processes(talk: Cais) -> None:
    assert "sleep infinity" in talk.ok("top", "talk").stdout


def test_ls_and_images(talk: Cais) -> None:
    name = talk.folder.name
    assert any(
        row["Name"] == name and row["Status"] == "running(2)"
        for row in json.loads(talk.ok("ls", "--format", "json").stdout)
    )
    assert "cais-test/tiny" in talk.ok("images").stdout
