"""`logging` as a user writes it: how much is kept, and what `cais logs` shows of it."""

from __future__ import annotations

import pytest

from tests.e2e.harness import Cais, until

pytestmark = pytest.mark.root

LOGGING = """
services:
  a:
    image: {image}
    command: [sh, -c, '{command}']
    logging: {logging}
"""
COUNT = (
    'i=1; while [ $$i -le {count} ]; do echo "line $$i of the log of this container"; i=$$((i+1)); {pace} done; {end}'
)


def write(project: Cais, image: str, logging: str, command: str) -> None:
    text = LOGGING.format(image=image, logging=logging, command=command)
    (project.folder / "compose.yaml").write_text(text)


def lines(project: Cais, *words: str) -> list[str]:
    return project.ok("logs", "--no-log-prefix", *words).stdout.splitlines()


def numbers(shown: list[str]) -> list[int]:
    return [int(line.split()[1]) for line in shown]


def test_a_log_of_several_files(project: Cais, tiny: str) -> None:
    """Three files of 4 kB hold about a hundred of these lines: the last ones, without a gap."""
    pace = "[ $$((i%20)) = 0 ] && sleep 0.05;"
    write(project, tiny, "{options: {max-size: 4k, max-file: '3'}}", COUNT.format(count=400, pace=pace, end="true"))
    project.ok("up", "-d")
    until(lambda: project.container("a")["State"] == "exited")
    shown = numbers(lines(project))
    assert shown == list(range(shown[0], 401))
    assert 60 <= len(shown) <= 140
    assert numbers(lines(project, "--tail", "70")) == list(range(331, 401))
    folder = next((project.root / "containers").glob(f"{project.container('a')['ID']}*"))
    assert sorted(path.name for path in folder.glob("log.?")) == ["log.1", "log.2"]
    assert all(path.stat().st_size <= 4100 for path in (*folder.glob("log.?"), folder / "log"))


def test_one_file_only(project: Cais, tiny: str) -> None:
    write(project, tiny, "{options: {max-size: 4k}}", COUNT.format(count=400, pace="", end="true"))
    project.ok("up", "-d")
    until(lambda: project.container("a")["State"] == "exited")
    shown = numbers(lines(project))
    assert shown == list(range(shown[0], 401))
    assert len(shown) <= 50


def test_no_log_is_kept(project: Cais, tiny: str) -> None:
    write(project, tiny, "{driver: none}", 'echo said; echo "to nobody" >&2; exec sleep infinity')
    project.ok("up", "-d")
    shown = project.ok("logs")
    assert shown.stdout == ""
    assert "a-1 keeps no log: its logging driver is none" in shown.stderr
    assert project.ok("exec", "-T", "a", "echo", "works").stdout == "works\n"


def test_a_failing_service_without_a_log(project: Cais, tiny: str) -> None:
    write(project, tiny, "{driver: none}", "echo why; exit 3")
    failed = project.run("up", "-d", "--wait")
    assert failed.code == 1
    assert "keeps no log: its logging driver is none" in failed.stderr


def test_drivers_and_options_that_mean_nothing_here(project: Cais, tiny: str) -> None:
    write(
        project, tiny, "{driver: syslog, options: {syslog-address: 'udp://127.0.0.1:9'}}", "echo said; exec sleep 1000"
    )
    up = project.ok("up", "-d")
    assert (
        '"logging.driver: syslog" of service "a" has no effect: logs are kept in files, as with json-file' in up.stderr
    )
    assert until(lambda: lines(project)) == ["said"]
    write(project, tiny, "{options: {compress: 'true', tag: x}}", "true")
    told = project.ok("config", "-q").stderr
    assert 'logging option "compress" of service "a" has no effect' in told
    write(project, tiny, "{options: {max-sizes: 1m}}", "true")
    refused = project.run("up", "-d")
    assert refused.code == 15
    assert 'did you mean "max-size"?' in refused.stderr


def test_what_has_no_end_yet_is_not_a_line_and_the_end_makes_it_one(project: Cais, tiny: str) -> None:
    write(project, tiny, "{}", "echo one; echo two; printf three; while ! test -e /end; do sleep 0.05; done")
    project.ok("up", "-d")
    assert until(lambda: lines(project)) == ["one", "two"]
    assert lines(project, "--tail", "1") == ["two"]
    project.ok("exec", "-T", "a", "touch", "/end")
    until(lambda: project.container("a")["State"] == "exited")
    assert lines(project, "--tail", "2") == ["two", "three"]
    # What the next run writes is not taken for the rest of it.
    project.ok("up", "-d")
    until(lambda: project.container("a")["State"] == "exited")
    assert lines(project) == ["one", "two", "three"] * 2
